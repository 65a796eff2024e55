"""What can go wrong when sealed data is opened."""

from callmissed.foundation.problems import Problem


class Erased(Problem):
    """This was erased. Its key has been destroyed, so nobody can read it any more."""

    status = 410
    code = "erased"


class Tampered(Problem):
    """A stored value is not the one that was sealed in this place, so it is not shown."""

    status = 500
    code = "tampered"


class KeyUnavailable(Problem):
    """The keys of this installation cannot be read just now. The operator has to look at its keyring."""

    status = 503
    code = "key_unavailable"
