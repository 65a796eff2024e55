"""What can be wrong with a legal hold. Each says which field, and what to write there; `field` is among its details."""

from callmissed.foundation.problems import Conflict, Invalid, NotFound


class HoldHasNoScope(Invalid):
    """Say what is frozen: fill in the workspace, the person, or both. A hold over everything is refused."""

    code = "hold_has_no_scope"


class HoldWorkspaceUnknown(Invalid):
    """There is no workspace with this id. Copy it from the list of workspaces."""

    code = "hold_workspace_unknown"


class HoldPersonUnusable(Invalid):
    """This is no id of a person: copy it from the account or the contact, 36 letters with dashes."""

    code = "hold_person_unusable"


class HoldTableUnknown(Invalid):
    """There is no table of this name. Leave the field empty to freeze every table."""

    code = "hold_table_unknown"


class HoldSpanUnusable(Invalid):
    """The span of time ends before it begins. Correct one of its two days, or leave them empty."""

    code = "hold_span_unusable"


class HoldHasNoAuthority(Invalid):
    """Say who ordered it: the kind of authority, and which court, agency or case, in 3 to 120 letters."""

    code = "hold_has_no_authority"


class HoldHasNoReference(Invalid):
    """Write the number of the order or case, in 3 to 80 letters. Without one nothing is frozen."""

    code = "hold_has_no_reference"


class HoldReasonUnknown(Invalid):
    """Choose the reason of the hold: evidence, investigation, dispute or tax."""

    code = "hold_reason_unknown"


class HoldTermUnusable(Invalid):
    """Give the hold a last day, today at the earliest and a year from today at the latest. It can be renewed."""

    code = "hold_term_unusable"


class HoldNotFound(NotFound):
    """There is no such hold."""

    code = "hold_not_found"


class HoldOver(Conflict):
    """This hold is over, or its release was asked for already."""

    code = "hold_over"


class HoldSecondPerson(Conflict):
    """Two people release a hold: one of the staff asks for it, and somebody else agrees."""

    code = "hold_second_person"
