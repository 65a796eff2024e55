"""What a column can say about itself."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What kind of thing a column holds. The values are the words of the published policy where it has one (Policy §1)."""

    NONE = "none"
    ACCOUNT = "account"
    CONTACT_POINT = "contact_point"
    CONTENT = "content"
    USAGE = "usage"
    DEVICE = "device"
    PAYMENT = "payment"
    MONEY = "money"
    PSEUDONYM = "pseudonym"
    SECRET_HASH = "secret_hash"  # noqa: S105 - the name of a category, not a secret
    BUSINESS_CONTENT = "business_content"
    EVIDENCE = "evidence"


SEALED_CATEGORIES = frozenset(
    {Category.ACCOUNT, Category.CONTACT_POINT, Category.CONTENT, Category.DEVICE, Category.PAYMENT}
)
"""Categories that are personal data in readable form: their columns must be encrypted under the person's key."""


class Whose(StrEnum):
    """Whose data it is, which decides our role: fiduciary for account holders, processor for the tenants' contacts."""

    NOBODY = "nobody"
    USER = "user"
    CONTACT = "contact"

    @property
    def role(self) -> str:
        """Our role under the DPDP Act 2023, s. 2(i) and 2(k)."""
        return {"nobody": "none", "user": "fiduciary", "contact": "processor"}[self.value]


@dataclass(frozen=True, slots=True)
class Holds:
    """What one column holds: category, whose data, for which purposes, on which ground, sealed under whose key."""

    what: str
    category: Category
    whose: Whose = Whose.NOBODY
    purposes: tuple[str, ...] = ()
    ground: str = ""
    person: str | None = None

    @property
    def is_personal(self) -> bool:
        """Whether this is personal data (DPDP Act s. 2(t)), pseudonyms and usage of a person included."""
        return self.whose is not Whose.NOBODY

    @property
    def must_be_sealed(self) -> bool:
        """Whether the column must be of type `Sealed`."""
        return self.is_personal and self.category in SEALED_CATEGORIES


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the rows of a table live: until an event, or for so many days after the time in column `anchor`.

    `promise` is the id of the promise, or the citation, that the period comes from.
    """

    promise: str
    until: str | None = None
    days: int | None = None
    anchor: str | None = None

    def __post_init__(self) -> None:
        """A period has either an end event, or days with an anchor; never both, never neither."""
        if (self.until is None) == (self.days is None) or (self.days is not None and self.anchor is None):
            reason = "Keep needs either until=, or days= with anchor="
            raise TypeError(reason)


def nothing(what: str, category: Category = Category.NONE) -> Holds:
    """Declare a column that holds no personal data."""
    return Holds(what, category)


def pseudonym(whose: Whose, what: str = "points to a person by a random id") -> Holds:
    """Declare a column that points to a person by an id which says nothing by itself."""
    return Holds(what, Category.PSEUDONYM, whose, ("service",), "contract")


def metadata_of(
    whose: Whose, what: str, purposes: tuple[str, ...] = ("service", "billing", "security")
) -> Holds:
    """Declare usage data of a person: metadata that is no content (Policy §1, Usage Data)."""
    return Holds(what, Category.USAGE, whose, purposes, "contract")


def personal(
    category: Category,
    whose: Whose,
    what: str = "",
    *,
    purposes: tuple[str, ...] = ("service",),
    ground: str = "contract",
    person: str,
) -> Holds:
    """Declare readable personal data. `person` names the column of the same table whose person's key seals it."""
    return Holds(what or category.value.replace("_", " "), category, whose, purposes, ground, person)
