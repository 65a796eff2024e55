"""What each action of the audit log means, a sentence each, for the page that shows it. English sources of translation.

`%(name)s` in a sentence is the member of that name in the record's body. A test knows that no action is without a sentence.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from callmissed.dashboard.words import ROLE_NAMES
from callmissed.foundation.i18n import t

_ = str

SENTENCES: MappingProxyType[str, str] = MappingProxyType(
    {
        "billing:credit:granted": _("Credit was added to the wallet."),
        "security:access_log:began": _("The access log began."),
        "billing:budget:set": _("The budget of the workspace was set or lifted."),
        "billing:hold:released": _("Money held for requests that were cut off was given back."),
        "bots:bot:changed": _("A bot was changed."),
        "bots:bot:created": _("A bot was made."),
        "channels:visitor:begun": _("A visitor opened the chat."),
        "contacts:contact:erased": _("A contact was erased, with everything about them."),
        "contacts:contact:erasure_held": _("The erasure of a contact waits for a legal hold to end."),
        "contacts:contact:language_changed": _("A contact went on in another language."),
        "contacts:contact:met": _("A new contact wrote or called."),
        "conversations:conversation:asked_for_person": _(
            "A conversation was put in the queue for a teammate."
        ),
        "conversations:conversation:handed_back": _("A conversation was given back to the bot."),
        "conversations:conversation:let_go": _(
            "A conversation went back into the queue: its teammate had left."
        ),
        "conversations:conversation:message_added": _(
            "Something was said in a conversation, by the %(author)s."
        ),
        "conversations:conversation:opened": _("A conversation began."),
        "conversations:conversation:resolved": _("A conversation was resolved."),
        "conversations:conversation:seen": _("A conversation was read."),
        "conversations:conversation:taken_over": _("A conversation was taken over from the bot."),
        "foundation:audit:heartbeat": _("The log noted that it is still being kept."),
        "gateway:cache:emptied": _("The response cache was emptied."),
        "gateway:picture:erased": _("A picture was erased."),
        "gateway:prompt_log:read": _("What a request asked and was answered was read."),
        "gateway:batch:cancelled": _("A batch of requests was to stop."),
        "gateway:batch:made": _("A batch of requests to %(endpoint)s was begun."),
        "gateway:file:removed": _("A file of requests or answers was removed."),
        "gateway:file:stored": _("A file of %(bytes)s bytes with requests was uploaded."),
        "identity:account:begun": _("An account was begun."),
        "identity:account:introduced": _("An account holder said who they are."),
        "identity:app:added": _("An app that shows codes was added to an account."),
        "identity:app:removed": _("An app that shows codes was removed from an account."),
        "identity:app:renamed": _("An app that shows codes was given another name."),
        "identity:domain:named": _("A domain was to sign in through the provider %(provider)s."),
        "identity:domain:proven": _(
            "A domain was proven; its people sign in through the provider %(provider)s."
        ),
        "identity:domain:removed": _("A domain signs in like any other again."),
        "identity:passkey:added": _("A passkey was added to an account."),
        "identity:passkey:copy_suspected": _("A passkey was refused: there may be a copy of it."),
        "identity:passkey:removed": _("A passkey was removed from an account."),
        "identity:passkey:renamed": _("A passkey was given another name."),
        "identity:provider:linked": _("An account was linked to the provider %(provider)s."),
        "identity:provider:unlinked": _("An account was unlinked from the provider %(provider)s."),
        "identity:recovery_code:used": _("A recovery code was used up."),
        "identity:recovery_codes:renewed": _("Recovery codes were made anew."),
        "identity:second_factor:required": _("Whether members need a second factor was changed."),
        "identity:session:strengthened": _("An account holder proved a further factor."),
        "identity:accounts:unfinished_erased": _("Accounts that were never finished were erased."),
        "identity:code:sent": _("A sign-in code was sent."),
        "identity:domain:forgotten": _("A sign-in domain that was never proven was removed."),
        "identity:domain:lost": _("A sign-in domain leads nowhere any more: its record is gone."),
        "identity:invitation:accepted": _("An invitation was accepted, as: %(role)s."),
        "identity:invitation:forgotten": _("An invitation that had ended was erased."),
        "identity:invitation:sent": _("Somebody was invited, as: %(role)s."),
        "identity:invitation:sent_again": _("An invitation was sent again, as: %(role)s."),
        "identity:invitation:withdrawn": _("An invitation was withdrawn."),
        "identity:key:created": _("An API key was made."),
        "identity:key:revoked": _("An API key was revoked."),
        "identity:member:left": _("A teammate left the workspace."),
        "identity:member:removed": _(
            "A teammate was removed. Sessions ended: %(sessions)s, keys stopped: %(keys)s, invitations withdrawn: %(invitations)s."
        ),
        "identity:member:role_changed": _("A teammate's role was changed from %(from)s to %(to)s."),
        "identity:ownership:declined": _("A teammate declined to become the owner."),
        "identity:ownership:expired": _("An offer of the workspace ran out."),
        "identity:ownership:offered": _("The workspace was offered to a teammate."),
        "identity:ownership:taken": _("The workspace has a new owner."),
        "identity:ownership:withdrawn": _("An offer of the workspace was taken back."),
        "identity:role:changed": _("What a role allows was changed."),
        "identity:role:made": _("A role was made."),
        "identity:role:removed": _("A role was removed."),
        "identity:session:closed": _("A browser was signed out."),
        "identity:session:moved": _("A browser went to another workspace."),
        "identity:session:opened": _("A browser was signed in."),
        "identity:sign_in:locked": _("Sign-in was closed after wrong codes."),
        "identity:tenant:created": _("The workspace was founded."),
        "identity:tenant:renamed": _("The workspace has a new name."),
        "identity:tenant:plan_changed": _("The workspace went from the plan %(before)s to %(plan)s."),
        "identity:tenant:kept_in_india": _("The workspace's content is processed in India only."),
        "identity:tenant:let_leave_india": _(
            "The workspace's content may leave India. Named before: %(places)s."
        ),
        "knowledge:source:added": _("A knowledge source was added."),
        "knowledge:source:failed": _("A file could not be read."),
        "knowledge:source:removed": _("A knowledge source was removed."),
        "privacy:finding:accepted": _("Somebody answers by name for a difference between policy and law."),
        "privacy:hold:placed": _("A legal hold was placed: what it names is not removed until it ends."),
        "privacy:hold:release_asked": _("Somebody of the staff asked for the release of a legal hold."),
        "privacy:hold:released": _("A legal hold was released by a second person."),
        "privacy:hold:renewed": _("A legal hold was given another last day."),
        "privacy:sealed:destroyed": _(
            "What law no longer asks for was destroyed: %(records)s sealed records, keys first."
        ),
        "privacy:sealed:file_taken": _("The file of a sealed record that is handed out was taken."),
        "privacy:sealed:release_asked": _(
            "Somebody of the staff asked for a sealed record to be handed out."
        ),
        "privacy:sealed:released": _("A second person agreed that a sealed record is handed out."),
        "privacy:sealed:sealed": _(
            "What law makes us keep of a registration was sealed before it was erased."
        ),
        "privacy:reminder:sent": _("Everybody was reminded of the rules and of the privacy policy."),
        "privacy:policy:dated": _(
            "Everybody was told of a version of the privacy policy, and its day was set."
        ),
        "privacy:policy:published": _("A version of the privacy policy was published."),
        "privacy:promise:broken": _("A promise was checked: broken."),
        "privacy:promise:kept": _("A promise was checked: kept."),
        "privacy:promise:unknown": _("A promise was checked: cannot tell."),
        "privacy:rows:expired": _("What was past its keeping time was removed."),
        "billing:keys:recounted": _("What keys have spent was counted anew."),
        "identity:account:changed": _("An account holder changed their details."),
        "identity:account:closed": _("An account was closed."),
        "identity:account:locked": _("An account was locked: its holder said it was not them."),
        "identity:account:reopened": _("An account was opened again."),
        "identity:account:unlocked": _("An account was unlocked by its holder."),
        "identity:child:reported": _("A sign that an account may belong to a child was noted."),
        "identity:child:settled": _("A sign that an account may belong to a child was settled."),
        "identity:email:asked": _("A new e-mail address was asked for."),
        "identity:email:changed": _("An e-mail address was changed."),
        "identity:key:all_revoked": _("API keys were stopped after an account was locked: %(keys)s."),
        "identity:key:changed": _("What an API key may do was changed."),
        "identity:key:maker_left": _("API keys stopped because their maker left: %(keys)s."),
        "identity:key:overlap_ended": _("The old secret of an API key was ended early."),
        "identity:key:restored": _("An API key works again."),
        "identity:key:rotated": _("An API key was given a new secret."),
        "identity:member:erased": _("A membership was erased with its account."),
        "gateway:provider_key:accepted": _("%(upstream)s accepts the workspace's own key again."),
        "gateway:provider_key:brought": _(
            "A key of the workspace's own was brought to %(upstream)s, under “%(contract)s” of %(contract_on)s, which excludes training."
        ),
        "gateway:provider_key:refused": _("%(upstream)s does not accept the workspace's own key any more."),
        "gateway:provider_key:replaced": _(
            "The workspace's own key at %(upstream)s was replaced, under “%(contract)s” of %(contract_on)s, which excludes training."
        ),
        "gateway:provider_key:taken_out": _(
            "The workspace's own key at %(upstream)s was taken out and destroyed."
        ),
        "identity:service_account:closed": _("A service account was closed."),
        "identity:service_account:created": _("A service account was made."),
        "identity:session:all_closed": _("All browsers of an account were signed out."),
        "identity:session:proven": _("An account holder proved again who they are."),
        "identity:tenant:closed": _("The workspace was closed."),
        "identity:tenant:closed_ownerless": _("The workspace was closed because its owner is gone."),
        "identity:tenant:reopened": _("The workspace was opened again."),
        "identity:tenant:revival_refused": _("A restored copy of an erased workspace was refused."),
        "identity:staff:access_approved": _("The operator's staff were let in, for a time and to read only."),
        "identity:staff:access_asked": _("The operator's staff asked to look in."),
        "identity:staff:access_ended": _("The operator's staff were shut out again."),
        "identity:staff:access_left": _("The operator's staff ended their own access."),
        "identity:staff:access_refused": _("The operator's staff were refused."),
        "identity:staff:added": _("Somebody joined the operator's staff, or changed their role there."),
        "identity:staff:glass_acknowledged": _("An alarm about staff in the workspace was acknowledged."),
        "identity:staff:glass_asked": _("A member of the operator's staff asked to break the glass."),
        "identity:staff:glass_opened": _(
            "Two members of the operator's staff broke the glass. Everybody concerned was alarmed."
        ),
        "identity:staff:page_opened": _("The operator's staff opened a page of the workspace."),
        "identity:staff:removed": _("Somebody left the operator's staff."),
        "identity:staff:row_read": _("The operator's staff read a row: %(table)s."),
        "identity:staff:undertaking_signed": _(
            "A member of the operator's staff signed the confidentiality undertaking."
        ),
    }
)

AUTHORS: MappingProxyType[str, str] = MappingProxyType(
    {"contact": _("contact"), "bot": _("bot"), "teammate": _("teammate"), "system": _("system")}
)

TABLES: MappingProxyType[str, str] = MappingProxyType(
    {
        "bot": _("bot"),
        "bot_knowledge": _("a bot's source"),
        "contact": _("contact"),
        "conversation": _("conversation"),
        "ledger_entry": _("ledger entry"),
        "message": _("message"),
        "usage_record": _("usage"),
        "wallet": _("wallet"),
    }
)
"""What staff can read, by its table."""


class _Figures(dict[str, object]):
    """Members of a body; one that an older record lacks reads as a dash."""

    def __missing__(self, key: str) -> object:
        return "–"


def say(action: str, body: Mapping[str, Any]) -> str:
    """The sentence of a record in the language being spoken; of an action without one, its raw name."""
    sentence = SENTENCES.get(action)
    return (
        t(sentence) % _Figures({name: _word(name, value) for name, value in body.items()})
        if sentence
        else action
    )


def _word(name: str, value: object) -> object:
    if name in {"role", "from", "to"} and isinstance(value, str):
        return t(ROLE_NAMES.get(value, value))
    if name == "author" and isinstance(value, str):
        return t(AUTHORS.get(value, value))
    if name == "table" and isinstance(value, str):
        return t(TABLES.get(value, value))
    return value
