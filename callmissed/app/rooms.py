"""Which rooms offer pages, routes and jobs. The one list of them."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from fastapi import APIRouter

PACKAGE = Path(__file__).resolve().parent.parent

PAGE_ROOMS = ("site", "dashboard", "channels")
"""Rooms with templates or static files."""


def routers(*, production: bool) -> Iterator[APIRouter]:
    """Every router of every room: `router` of each endpoints module. `laptop_router` stands outside production only."""
    for name in endpoint_modules():
        module = import_module(name)
        if hasattr(module, "router"):
            yield module.router
        if hasattr(module, "laptop_router") and not production:
            yield module.laptop_router


def endpoint_modules() -> list[str]:
    """The dotted names of every `endpoints.py` and of every module in an `endpoints/` package, in a fixed order."""
    found = [*PACKAGE.glob("**/endpoints.py"), *PACKAGE.glob("**/endpoints/*.py")]
    return sorted(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in found)


def load_tasks() -> None:
    """Import every `tasks.py`, so that its jobs and subscriptions are declared."""
    for path in sorted(PACKAGE.glob("**/tasks.py")):
        import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
