"""`tpzoo new-plugin`: for every kind a distribution that passes its own tests as written."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.command import assert_message, inside, tpzoo
from tests.support.every import for_every
from tpzoo.cli.list import KINDS
from tpzoo.plugin.scaffold import SELECTIONS


def test_every_kind_that_is_listed_can_be_written_and_updates_too() -> None:
    assert set(SELECTIONS) == {*KINDS, "update"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For every kind the folder of a distribution, as it was written."""
    place = tmp_path_factory.mktemp("written")
    for kind in SELECTIONS:
        assert inside("new-plugin", f"tpzoo-two-parts-{kind}", "--kind", kind, "--directory", place).returncode == 0
    return {kind: place / f"tpzoo-two-parts-{kind}" for kind in SELECTIONS}


def own_tests(*arguments: str | Path, cwd: Path) -> str:
    """Run pytest as an author does; returns what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_is_written_passes_its_own_tests(written: dict[str, Path]) -> None:
    """All kinds in one process: loading torch costs more than the tests do."""
    place = written["rule"].parent
    (place / "pytest.ini").write_text(f"[pytest]\npythonpath = {' '.join(f'{f.name}/src' for f in written.values())}\n")
    said = own_tests("--import-mode=importlib", *written.values(), cwd=place)
    for folder in written.values():
        assert f"{folder.name}/tests/test_training.py::" in said
        assert f"{folder.name}/tests/test_conformance.py::" in said


def test_it_passes_them_with_its_own_settings_in_its_own_folder(written: dict[str, Path]) -> None:
    assert "tests/test_training.py::" in own_tests(cwd=written["rule"])
    settings = [tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["pytest"] for folder in written.values()]
    assert settings == [settings[0]] * len(SELECTIONS)


@for_every("kind", SELECTIONS)
def test_no_placeholder_is_left(written: dict[str, Path], kind: str) -> None:
    for path in written[kind].rglob("*"):
        if "__pycache__" not in path.parts:
            text = path.name + (path.read_text() if path.is_file() else "")
            assert not [word for word in ("my_", "My", "MY_", "templates", "my-") if word in text], path


def test_an_installed_one_is_found_by_its_entry_point(tmp_path: Path) -> None:
    inside("new-plugin", "tpzoo-wiggle", "--kind", "rule", "--directory", tmp_path)
    project = tomllib.loads((tmp_path / "tpzoo-wiggle" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "tpzoo-wiggle"
    assert project["entry-points"]["tpzoo"] == {"wiggle": "tpzoo_wiggle.plugin"}


@pytest.mark.parametrize("name", ["wiggle", "tpzoo_wiggle", "wiggle-2"])
def test_names_that_can_be_used(name: str, tmp_path: Path) -> None:
    assert inside("new-plugin", name, "--kind", "loss", "--directory", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("name", "kind", "part"),
    [
        ("Wiggle", "rule", "'Wiggle' cannot name a distribution"),
        ("../wiggle", "rule", "cannot name a distribution"),
        ("wiggle-", "rule", "cannot name a distribution"),
        ("", "rule", "cannot name a distribution"),
        ("tpzoo", "rule", "cannot name a package of its own"),
        ("class", "rule", "cannot name a package of its own"),
        ("json", "rule", "cannot name a package of its own"),
        ("tpzoo-1", "rule", "cannot name a package of its own"),
        ("tpzoo-dtp", "rule", "there is a rule 'dtp' already"),
        ("feedback", "map", "tpzoo.FeedbackMap"),
        ("wiggle", "rul", "Did you mean 'rule'?"),
        ("wiggle", "twin", "a plugin of kind 'twin' cannot be written"),
    ],
)
def test_names_that_cannot_be_used(name: str, kind: str, part: str, tmp_path: Path) -> None:
    assert_message(inside("new-plugin", name, "--kind", kind, "--directory", tmp_path / "new"), part)
    assert list(tmp_path.rglob("*")) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "wiggle").mkdir()
    assert_message(inside("new-plugin", "wiggle", "--kind", "rule", "--directory", tmp_path), "exists already")
    assert list((tmp_path / "wiggle").iterdir()) == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = inside("new-plugin", "wiggle", "--kind", "rule", "--directory", tmp_path / "file")
    assert_message(done, "cannot be written", "Not a directory")


def test_it_needs_no_torch(tmp_path: Path) -> None:
    done = tpzoo("new-plugin", "wiggle", "--kind", "rule", cwd=tmp_path)
    assert done.returncode == 0
    assert "python -m pytest" in done.stdout
