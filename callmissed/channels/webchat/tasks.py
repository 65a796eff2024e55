"""What web chat does for rooms below: it holds sessions of contacts."""

from callmissed.channels.webchat.service import VisitorCustodian
from callmissed.contacts import register

register(VisitorCustodian())
