"""The project stands alone: what it installs is pinned and hashed, and no file names a machine or a package host."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("bootstrap", "runtime", "dev")
PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)")
# Written in two halves each, so that this file does not find itself.
FOREIGN = re.compile(
    r"(^|[^\w.~-])/(wo"
    r"rk|op"
    r"t/wheels|op"
    r"t/pypi)/|python"
    r"hosted\.org|pypi"
    r"\.org/simple|registry"
    r"\.npmjs"
)


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def lock_faults(text: str) -> list[str]:
    """What a lock file must not contain: an unpinned or unhashed package, an option, a host, a path."""
    faults: list[str] = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        if block.startswith("#"):
            continue
        if not PINNED.match(block) or "--hash=sha256:" not in block:
            faults.append(block.splitlines()[0])
    return faults + [line for line in text.splitlines() if "://" in line or re.search(r"(^|\s)/", line)]


def pins(name: str) -> dict[str, str]:
    return {m["name"]: m["version"] for line in lock_text(name).splitlines() if (m := PINNED.match(line))}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_and_hashes_everything(name: str) -> None:
    assert lock_faults(lock_text(name)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "--index-url https://packages.example/simple\n",
        "--find-links /srv/wheels\n",
        "click\n",
        "click>=8 \\\n    --hash=sha256:00\n",
        "click==8.1.0\n",
        "click @ https://packages.example/click.whl \\\n    --hash=sha256:00\n",
    ],
)
def test_planted_fault_in_a_lock_is_found(planted: str) -> None:
    assert lock_faults("anyio==4.0 \\\n    --hash=sha256:00\n    # via httpx\n" + planted)


def test_what_pyproject_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        "runtime": project["project"]["dependencies"],
        "dev": [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]],
        "bootstrap": project["dependency-groups"]["bootstrap"],
    }
    for lock, requirements in wanted.items():
        names = {re.split(r"[\[<>=!~ ;]", requirement, maxsplit=1)[0] for requirement in requirements}
        assert names <= pins(lock).keys(), lock


def test_development_runs_on_the_versions_of_production() -> None:
    runtime, dev = pins("runtime"), pins("dev")
    assert {name: dev.get(name) for name in runtime} == runtime


def test_no_file_names_a_machine_or_a_package_host() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found: list[str] = []
    for path in filter(None, listed.split("\0")):
        file = ROOT / path
        if file.is_file() and "/vendor/" not in path:
            text = file.read_bytes().decode(errors="replace")
            found += [f"{path}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert not found


@pytest.mark.parametrize("half", ["work/x", "opt/wheels/x"])
def test_planted_path_of_a_machine_is_found(half: str) -> None:
    assert FOREIGN.search(f"see /{half}")
    assert not FOREIGN.search(f"docs/{half}")
