"""Rooms are entered by the front door and only downwards; each way to break that is planted once and seen caught."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.house import doors

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("app", "billing", "bots", "channels", "foundation", "gateway", "voice")

Plant = Callable[..., str]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Plant:
    """Writes a small package of rooms with the given extra modules; returns its (unique) name."""
    monkeypatch.syspath_prepend(tmp_path)

    def _plant(modules: dict[str, str], package: str = "") -> str:
        package = package or f"planted_{abs(hash(request.node.nodeid))}"
        empty = {f"{room}/__init__.py": "" for room in ROOMS}
        for path, text in ({"__init__.py": ""} | empty | modules).items():
            file = tmp_path / package / path
            file.parent.mkdir(parents=True, exist_ok=True)
            for folder in file.relative_to(tmp_path).parents[:-1]:
                (tmp_path / folder / "__init__.py").touch()
            file.write_text(text.replace("PKG", package))
        return package

    return _plant


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """import-linter with the project's own contracts, over the package that stands in `tree`."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tree), "PATH": "", "LC_ALL": "C.UTF-8"},
    )


def test_rooms_import_only_downwards() -> None:
    outcome = lint_imports(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("modules", "says"),
    [
        pytest.param(
            {"billing/service.py": "import callmissed.gateway"},
            "callmissed.billing.service -> callmissed.gateway",
            id="upwards",
        ),
        pytest.param(
            {"voice/service.py": "from callmissed import channels"},
            "callmissed.voice.service -> callmissed.channels",
            id="siblings",
        ),
        pytest.param({"loyalty/__init__.py": ""}, "loyalty", id="a room nobody placed"),
        pytest.param({"oddments.py": ""}, "oddments", id="a module beside the rooms"),
        pytest.param(
            {
                "billing/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import callmissed.bots"
            },
            "callmissed.billing.a -> callmissed.bots",
            id="upwards for types alone",
        ),
    ],
)
def test_planted_offence_is_caught_by_the_contract(
    plant: Plant, tmp_path: Path, modules: dict[str, str], says: str
) -> None:
    plant(modules, package="callmissed")
    outcome = lint_imports(tmp_path)
    assert outcome.returncode != 0
    assert says in outcome.stdout


def test_contract_keeps_silent_about_a_clean_tree(plant: Plant, tmp_path: Path) -> None:
    plant({"bots/service.py": "import callmissed.billing"}, package="callmissed")
    outcome = lint_imports(tmp_path)
    assert outcome.returncode == 0, outcome.stdout


def test_every_room_has_its_place_in_the_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [rooms] = [contract for contract in contracts if contract["id"] == "rooms"]
    assert rooms["exhaustive"] is True
    placed = [name.strip(" ()") for layer in rooms["layers"] for name in layer.split("|")]
    assert placed == [
        "app", "dashboard", "site", "operations", "automations", "voice", "channels", "bots", "conversations",
        "gateway", "knowledge", "billing", "privacy", "contacts", "identity", "foundation",
    ]  # fmt: skip


def test_front_doors_are_respected() -> None:
    assert doors.offences() == []


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("bots/service.py", "from PKG.billing.repository import wallet_of", "front door of PKG.billing"),
        (
            "bots/service.py",
            "\nfrom PKG.billing import repository",
            "PKG.bots.service:2: PKG.billing.repository",
        ),
        ("bots/service.py", "from PKG.billing import models", "PKG.billing.models is behind"),
        ("app/wiring.py", "from PKG.billing import repository", "PKG.billing.repository is behind"),
        (
            "bots/service.py",
            "from PKG.foundation.datamap.rows import Row",
            "front door of PKG.foundation.datamap",
        ),
        ("bots/service.py", "from fastapi import Request", "fastapi is fenced"),
        ("gateway/completions.py", "import starlette.requests", "starlette is fenced"),
        ("channels/whatsapp/cloud.py", "from fastapi import Request", "fastapi is fenced"),
        ("foundation/jobs.py", "import fastapi", "fastapi is fenced"),
        ("bots/service.py", "import pipecat", "pipecat is fenced"),
    ],
)
def test_planted_back_door_is_caught(plant: Plant, path: str, text: str, says: str) -> None:
    package = plant(
        {"billing/repository.py": "", "billing/models.py": "", "foundation/datamap/rows.py": "", path: text}
    )
    [offence] = doors.offences(package)
    assert says.replace("PKG", package) in offence


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("bots/service.py", "from PKG import billing\nfrom PKG.foundation import datamap, jobs"),
        ("bots/service.py", "from PKG.bots import repository\nfrom PKG.foundation.datamap import rows_of"),
        ("app/wiring.py", "from PKG.billing import endpoints, models, tasks"),
        ("bots/endpoints.py", "from fastapi import Request"),
        ("gateway/surface_openai.py", "import starlette.types"),
        ("channels/webchat/endpoints.py", "import fastapi"),
        ("foundation/http/router.py", "import fastapi"),
        ("voice/pipeline.py", "import pipecat"),
    ],
)
def test_front_door_is_open(plant: Plant, path: str, text: str) -> None:
    behind = {f"billing/{name}.py": "" for name in ("repository", "endpoints", "models", "tasks")}
    package = plant(
        {
            **behind,
            "bots/repository.py": "",
            "foundation/datamap/rows.py": "",
            "foundation/jobs.py": "",
            path: text,
        }
    )
    assert doors.offences(package) == []
