"""The front doors: a room is entered as `callmissed.<room>`, and web frameworks stay at the edge.

import-linter (pyproject.toml) watches the order of the rooms; it does not know front doors. This does,
over the same graph of imports.
"""

import re
from collections.abc import Iterator

import grimp

# What the front hall wires together and may therefore reach behind a front door for.
WIRED = ("endpoints", "tasks", "models")

# Outside packages that only some modules may import, as patterns below the package.
FENCES: dict[str, tuple[str, ...]] = {
    "fastapi": (
        r"app(\..+)?",
        r"dashboard(\..+)?",
        r"site(\..+)?",
        r"foundation\.(http|pages)(\..+)?",
        r"foundation\.services",  # it carries how a connection is authenticated
        r"gateway\.surface[^.]*(\..+)?",
        r"[^.]+\.endpoints(\..+)?",
        r"channels\.[^.]+\.endpoints(\..+)?",
    ),
    "pipecat": (r"voice(\..+)?",),
}
FENCES["starlette"] = FENCES["fastapi"]


def import_graph(package: str) -> grimp.ImportGraph:
    """Every import between the modules of the package, and from them to packages outside."""
    return grimp.build_graph(package, include_external_packages=True, cache_dir=None)


def offences(package: str = "callmissed") -> list[str]:
    """One line per forbidden import, `importer:line: reason`; empty when every door is respected."""
    graph = import_graph(package)
    return sorted([*_back_doors(graph, package), *_fences(graph, package)])


def _back_doors(graph: grimp.ImportGraph, package: str) -> Iterator[str]:
    inside = [m for m in graph.modules if m.startswith(f"{package}.")]
    for importer in inside:
        for imported in graph.find_modules_directly_imported_by(importer):
            if imported.startswith(f"{package}.") and not _allowed(importer, imported):
                door = ".".join(imported.split(".")[: 3 if ".foundation." in imported else 2])
                yield f"{_place(graph, importer, imported)}: {imported} is behind the front door of {door}"


def _allowed(importer: str, imported: str) -> bool:
    """Whether the import stays in its room or goes through the other's front door."""
    room, target = importer.split(".")[1], imported.split(".")
    if room == target[1] or len(target) == 2:
        return True
    if target[1] == "foundation":
        return len(target) == 3
    return room == "app" and len(target) == 3 and target[2] in WIRED


def _fences(graph: grimp.ImportGraph, package: str) -> Iterator[str]:
    for outside, allowed in FENCES.items():
        if outside not in graph.modules:
            continue
        gates = re.compile("|".join(f"({pattern})" for pattern in allowed))
        for importer in graph.find_modules_that_directly_import(outside):
            if not gates.fullmatch(importer.removeprefix(f"{package}.")):
                yield f"{_place(graph, importer, outside)}: {outside} is fenced: not in this module"


def _place(graph: grimp.ImportGraph, importer: str, imported: str) -> str:
    details = graph.get_import_details(importer=importer, imported=imported)
    return f"{importer}:{details[0]['line_number']}" if details else importer
