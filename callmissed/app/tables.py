"""Every room's tables, imported for their effect on the data map. A room without tables does not stand here."""

from importlib import import_module
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def load() -> None:
    """Import every module that declares tables, so that the data map is whole."""
    for name in ("directory", "doors", "holds"):
        import_module(f"callmissed.foundation.{name}")
    for path in sorted((*PACKAGE.glob("**/models.py"), *PACKAGE.glob("**/models/*.py"))):
        import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
