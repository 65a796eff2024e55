"""The saboteurs: each breaks one promise on purpose, in one way, and takes it back. A check nobody saw failing is no check.

`saboteurs()` lists them all; `test_saboteurs.py` lets each loose and watches the verdict turn and turn back.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tests.rooms.privacy.house import House

Deed = Callable[[House], AsyncGenerator[None]]


@dataclass(frozen=True)
class Saboteur:
    """Who breaks which promise, what the check must then say: verdict, these figures, and words of what it tells."""

    promise: str
    name: str
    deed: Deed
    verdict: str
    says: tuple[str, ...]
    figures: dict[str, int | str] = field(default_factory=dict[str, "int | str"])

    @property
    def does(self) -> str:
        """What it does, in words."""
        return " ".join((self.deed.__doc__ or self.name.replace("_", " ")).split())

    def loose(self, house: House) -> AbstractAsyncContextManager[None]:
        """Let it loose for the length of the block."""
        return asynccontextmanager(self.deed)(house)


_known: dict[str, Saboteur] = {}


def sabotages(
    promise: str, *says: str, verdict: str = "broken", **figures: int | str
) -> Callable[[Deed], Deed]:
    """Enter a saboteur. `says` are words its headline or explanation must hold; `figures` what must stand among its own."""

    def enter(deed: Deed) -> Deed:
        name = deed.__name__
        assert name not in _known or _known[name].deed.__module__ == deed.__module__, f"{name} is taken"
        _known[name] = Saboteur(promise, name, deed, verdict, says, dict(figures))
        return deed

    return enter


def saboteurs() -> tuple[Saboteur, ...]:
    """All of them, by promise in the order of their modules."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        import_module(f"{__name__}.{path.stem}")
    return tuple(_known.values())


def unsabotaged(promises: Iterable[str], known: Iterable[Saboteur]) -> set[str]:
    """Of these promises, those that nobody breaks: a saboteur who only silences a source does not count."""
    return set(promises) - {each.promise for each in known if each.verdict == "broken"}
