"""What roles and permissions are called, and what they mean, for the pages that show them. English sources of translation."""

from types import MappingProxyType

from callmissed.foundation.i18n import t
from callmissed.identity import GIVABLE

_ = str

ROLE_NAMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "owner": _("Owner"),
        "admin": _("Admin"),
        "developer": _("Developer"),
        "teammate": _("Teammate"),
        "billing": _("Billing"),
        "privacy": _("Privacy officer"),
        "custom": _("Role of your own"),
    }
)

ROLE_MEANINGS: MappingProxyType[str, str] = MappingProxyType(
    {
        "owner": _("May do everything, and hands the workspace on. There is always one."),
        "admin": _("May do everything but what is the owner's alone."),
        "developer": _("Builds bots, keeps knowledge, makes keys."),
        "teammate": _("Reads and answers conversations."),
        "billing": _("Pays, and sees what was used."),
        "privacy": _("Answers people about their data, and reads the audit log."),
    }
)

PERMISSION_NAMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "inbox.read": _("Read conversations"),
        "inbox.reply": _("Answer conversations"),
        "contacts.read": _("See contacts"),
        "contacts.write": _("Change contacts"),
        "contacts.erase": _("Erase contacts"),
        "bots.read": _("See bots"),
        "bots.write": _("Make and change bots"),
        "knowledge.read": _("Read knowledge"),
        "knowledge.write": _("Add and remove knowledge"),
        "channels.write": _("Connect channels"),
        "playground.use": _("Try models"),
        "prompts.read": _("Read what was asked and answered"),
        "cache.write": _("Empty the response cache"),
        "keys.read": _("See API keys"),
        "keys.write": _("Make and revoke API keys"),
        "usage.read": _("See usage"),
        "billing.read": _("See wallet and invoices"),
        "billing.write": _("Add money"),
        "privacy.read": _("See privacy requests"),
        "privacy.write": _("Answer privacy requests"),
        "team.read": _("See the team"),
        "team.write": _("Invite, change and remove teammates"),
        "audit.read": _("Read the audit log"),
        "residency.write": _("Decide whether content may leave India"),
    }
)


def role_name(role: str, own_name: str = "") -> str:
    """A role in the language being spoken: the workspace's own name for it where it made it."""
    return own_name or t(ROLE_NAMES.get(role, role))


def permission_names(permissions: frozenset[str] = GIVABLE) -> dict[str, str]:
    """Permission to its name, in the order pages show them; one without a name shows itself."""
    known = [each for each in PERMISSION_NAMES if each in permissions]
    return {each: PERMISSION_NAMES.get(each, each) for each in (*known, *sorted(permissions - set(known)))}
