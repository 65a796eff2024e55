"""What can go wrong in a team: members, invitations, roles, handing the workspace on."""

from callmissed.foundation.problems import Conflict, Forbidden, Invalid, NotFound, Problem


class MemberNotFound(NotFound):
    """There is no such teammate in your workspace."""

    code = "member_not_found"


class AboveYou(Forbidden):
    """This teammate may do something that you may not, so you cannot change or remove them. Ask the owner."""

    code = "above_you"


class MoreThanYours(Forbidden):
    """A role that you give or make can hold only what you may do yourself."""

    code = "more_than_yours"


class OwnRole(Forbidden):
    """Nobody changes their own role. Ask somebody who may."""

    code = "own_role"


class OwnerStays(Conflict):
    """A workspace always has one owner. Hand it on first."""

    code = "owner_stays"


class RoleUnknown(Invalid):
    """There is no such role in your workspace."""

    code = "role_unknown"


class RoleNotFound(NotFound):
    """Your workspace has not made such a role."""

    code = "role_not_found"


class RoleNameMissing(Invalid):
    """Give the role a name, with up to 40 letters, that no other role has."""

    code = "role_name_missing"


class RoleMayNothing(Invalid):
    """Allow the role at least one thing, otherwise nobody can do anything with it."""

    code = "role_may_nothing"


class RoleInUse(Conflict):
    """Somebody has this role, or is invited to it. Give them another one first."""

    code = "role_in_use"


class TooManyRoles(Conflict):
    """A workspace can make 20 roles. Remove one that is not needed any more."""

    code = "too_many_roles"


class SeatsTaken(Conflict):
    """Every seat of your plan is taken, open invitations included. Withdraw one, or choose a larger plan."""

    code = "seats_taken"


class AlreadyMember(Conflict):
    """Somebody with this address works here already."""

    code = "already_member"


class AlreadyInvited(Conflict):
    """This address was invited already. Send that invitation again, or withdraw it."""

    code = "already_invited"


class InvitationNotFound(NotFound):
    """There is no such invitation in your workspace."""

    code = "invitation_not_found"


class InvitationUnknown(NotFound):
    """This is no invitation of ours. Check that the link was copied whole, or ask for a new one."""

    code = "invitation_unknown"


class InvitationExpired(Problem):
    """This invitation has expired: it works for seven days. Ask for a new one."""

    status = 410
    code = "invitation_expired"


class InvitationWithdrawn(Problem):
    """This invitation was withdrawn. Ask for a new one."""

    status = 410
    code = "invitation_withdrawn"


class InvitationUsed(Problem):
    """This invitation was accepted already. Sign in to come to the workspace."""

    status = 410
    code = "invitation_used"


class InvitationForAnother(Forbidden):
    """This invitation was sent to another address. Sign in with that address to accept it."""

    code = "invitation_for_another"


class TransferOpen(Conflict):
    """The workspace is offered to somebody already. Take that offer back first."""

    code = "transfer_open"


class TransferNotFound(NotFound):
    """There is no such offer, or it has ended: an offer of a workspace stands for 48 hours."""

    code = "transfer_not_found"


class WorkspaceNotYours(NotFound):
    """You do not work in such a workspace."""

    code = "workspace_not_yours"


class TooManyWorkspaces(Conflict):
    """You can work in up to 20 workspaces. Leave one first."""

    code = "too_many_workspaces"


class AgreementMissing(Invalid):
    """Tick that you have read where content may go. Nothing was changed."""

    code = "agreement_missing"
