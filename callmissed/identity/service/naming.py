"""What people call their passkeys and apps."""

from callmissed.identity.factor_problems import FactorNameMissing

LONGEST = 60


def factor_name(typed: str) -> str:
    """The name without spare blanks. Raises FactorNameMissing when it is empty or too long."""
    plain = " ".join(typed.split())
    if not 0 < len(plain) <= LONGEST:
        raise FactorNameMissing
    return plain
