"""The tenants' own customers: who wrote or called, and under which address.

A contact is a person. What they said stands in `conversations`; their name and addresses stand here, sealed under their
own key, so that erasing them is destroying that key.
"""

from callmissed.contacts.custody import Custodian, erase_contact, export_contact, register
from callmissed.contacts.models import barred
from callmissed.contacts.problems import ContactNotFound
from callmissed.contacts.service import VISITOR, Card, card, cards, list_cards, meet, speak

__all__ = [
    "VISITOR",
    "Card",
    "ContactNotFound",
    "Custodian",
    "barred",
    "card",
    "cards",
    "erase_contact",
    "export_contact",
    "list_cards",
    "meet",
    "register",
    "speak",
]
