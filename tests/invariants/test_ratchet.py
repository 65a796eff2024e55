"""The worst figures of the tree are written down and only fall."""

from pathlib import Path

import pytest

from tools.house import ratchet

ROOT = Path(__file__).resolve().parents[2]


def tree(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return root


def test_no_figure_has_risen_and_each_fall_is_written_down() -> None:
    said = ratchet.compare(ratchet.measure(ROOT), ratchet.written(ROOT / "tools" / "ratchet.toml"))
    assert not said, "\n".join([*said, *ratchet.worst(ROOT)])


LONG = "def f() -> None:\n" + '    """What it is.\n' + "\n" * 60 + '    """\n'


@pytest.mark.parametrize(
    ("path", "text", "figure", "value"),
    [
        ("callmissed/a.py", "def f() -> None:\n" + "    x()\n" * 70, "longest_function", 71),
        ("callmissed/a.py", LONG + "    x()\n" * 9, "longest_function", 50),
        ("callmissed/a.py", "x = 1\n" * 401, "longest_file", 401),
        ("callmissed/vendor/a.py", "x = 1\n" * 401, "longest_file", 400),
        ("callmissed/a.py", "import x  # noqa: F401 - shown", "noqa", 1),
        ("callmissed/a.py", "x = '# noqa'", "noqa", 0),
        ("tests/a.py", "x = y  # type: ignore[name-defined]", "type_ignores", 1),
        ("tests/a.py", "x = y  # pyright: ignore[reportAny]", "type_ignores", 1),
        ("callmissed/a.py", "x.commit()  # house: commit why not", "house_suppressions", 1),
        ("callmissed/a.py", "try:\n    x()\nexcept (OSError, Exception):\n    raise", "broad_excepts", 1),
        ("callmissed/a.py", "try:\n    x()\nexcept:\n    raise", "broad_excepts", 1),
        ("callmissed/a.py", "try:\n    x()\nexcept OSError:\n    raise", "broad_excepts", 0),
        (
            "tests/a.py",
            "def test_a():\n    monkeypatch.setattr(a, 'b', 1)\ndef test_b(): ...",
            "mocks_per_100_tests",
            50,
        ),
    ],
)
def test_what_is_measured(tmp_path: Path, path: str, text: str, figure: str, value: float) -> None:
    assert ratchet.measure(tree(tmp_path, path, text))[figure] == value


def test_a_rise_and_an_unwritten_fall_are_told() -> None:
    assert ratchet.compare({"noqa": 2}, {"noqa": 2}) == []
    assert "rose from 2 to 3" in ratchet.compare({"noqa": 3}, {"noqa": 2})[0]
    assert "fell from 2 to 1" in ratchet.compare({"noqa": 1}, {"noqa": 2})[0]
    assert "rose from 50 to 51" in ratchet.compare({"longest_function": 51}, {})[0]


def test_lowering_never_raises(tmp_path: Path) -> None:
    file = tmp_path / "ratchet.toml"
    ratchet.lower(file, {"noqa": 3, "broad_excepts": 1})
    ratchet.lower(file, {"noqa": 5, "broad_excepts": 0})
    assert ratchet.written(file) == {"noqa": 3, "broad_excepts": 0}
