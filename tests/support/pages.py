"""What a template, a stylesheet or a vendored file may not be: each function lists the offences it finds."""

import re
from collections.abc import Iterator
from pathlib import Path

from callmissed.foundation.pages import Pages

PACKAGE = Path(__file__).resolve().parents[2] / "callmissed"
KIT = PACKAGE / "foundation" / "pages" / "static"

_offences = {
    "inline style": re.compile(r"""<style\b|\sstyle\s*=""", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "inline handler": re.compile(r"""<[^>{]*\son[a-z]+\s*=\s*["']""", re.IGNORECASE),
    "evaluated expression": re.compile(r"hx-on[:-]|hx-vals=[\"']js:|javascript:", re.IGNORECASE),
    "address of another host": re.compile(
        r"""(?:src|href|action|srcset)\s*=\s*["']?(?:https?:)?//""", re.IGNORECASE
    ),
    "t() of a variable": re.compile(r"""\bn?t\((?!\s*["'])"""),
    "text marked safe": re.compile(r"\|\s*safe\b"),
}
_comment = re.compile(r"\{#.*?#\}", re.DOTALL)
_icon = re.compile(r"""\bicon(?:_name)?(?:\(|=)["']([a-z0-9-]+)["']""")
_static = re.compile(r"""\bstatic\(["']([^"']+)["']\)""")
_macro = re.compile(r"\bkit\.([a-z_]+)\(")
_colour = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch)\(", re.IGNORECASE)
_physical = re.compile(
    r"\b(?:margin|padding|border)-(?:left|right)\b|\btext-align:\s*(?:left|right)|[;{\s](?:left|right):"
)
_pair = re.compile(r"--cm-([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")


def templates(package: Path = PACKAGE) -> list[Path]:
    """Every template of every room."""
    return sorted(package.glob("**/templates/**/*.html"))


def forbidden_in_template(text: str) -> list[str]:
    """Names of what a template must not contain: the security policy would refuse it, or it would leave the origin."""
    spoken = _comment.sub("", text)
    return [name for name, pattern in _offences.items() if pattern.search(spoken)]


def dangling_in_template(text: str, pages: Pages) -> Iterator[str]:
    """Icons, static files and macros that a template names and nobody made."""
    sprite = (KIT / "vendor" / "tabler-icons" / "sprite.svg").read_text()
    kit = pages.environment.globals["kit"]
    spoken = _comment.sub("", text)
    yield from (f"icon {name}" for name in _icon.findall(spoken) if f'id="{name}"' not in sprite)
    yield from (f"static file {name}" for name in _static.findall(spoken) if name not in pages.assets.paths())
    yield from (
        f"macro {name}" for name in _macro.findall(spoken) if name != "html" and not hasattr(kit, name)
    )


def forbidden_in_stylesheet(text: str, *, tokens: bool = False) -> list[str]:
    """A stylesheet of the kit names no colour (only tokens.css does) and no physical side (right-to-left must work)."""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = ["a physical side"] if _physical.search(plain) else []
    return found if tokens or not _colour.search(plain) else [*found, "a colour that is not a token"]


def unlabelled(vendor: Path) -> list[str]:
    """Vendored packages without VERSION or LICENSE, and files outside any package."""
    loose = [path.name for path in vendor.iterdir() if path.is_file()]
    bare = [
        f"{package.name} lacks {name}"
        for package in sorted(vendor.iterdir())
        if package.is_dir()
        for name in ("VERSION", "LICENSE")
        if not (package / name).is_file()
    ]
    return loose + bare


def palette(tokens: str) -> dict[str, tuple[str, str]]:
    """Token name to its (light, dark) colour."""
    return {name: (light, dark) for name, light, dark in _pair.findall(tokens)}


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two #rrggbb colours (WCAG 2.2, relative luminance)."""
    first, second = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
