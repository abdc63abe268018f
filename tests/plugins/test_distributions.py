"""Every distribution in `plugins/` passes its own suite once it is installed, and its entries are there for a user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import tpzoo
from tests.support.distributions import FOLDERS, install, own_suite, project, sources, unmet


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """Each distribution."""
    found: Path = request.param
    return found


@pytest.mark.timeout(600)
def test_it_passes_its_own_suite(folder: Path, tmp_path: Path) -> None:
    if needed := unmet(folder):  # never with the versions of constraints.txt
        pytest.skip(f"needs {', '.join(needed)}")
    done = own_suite(folder, install(folder, tmp_path / "site"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def test_its_entries_are_listed(folder: Path, tmp_path: Path) -> None:
    environment, name = install(folder, tmp_path / "site"), project(folder)["name"]
    listed = json.loads(tpzoo("list", "--json", **environment).stdout)
    assert [item for item in listed if item["distribution"] == name]
    (plugin,) = (
        each for each in json.loads(tpzoo("plugins", "--json", **environment).stdout) if each["distribution"] == name
    )
    assert (plugin["state"], plugin["version"]) == ("loaded", project(folder)["version"])
    assert plugin["key"].startswith(f"{name}:")


def test_without_it_they_are_not(folder: Path) -> None:
    listed = json.loads(tpzoo("list", "--json", TPZOO_BLOCK=project(folder)["name"]).stdout)
    assert not [item for item in listed if item["distribution"] == project(folder)["name"]]


def test_it_can_be_built(folder: Path) -> None:
    about = project(folder)
    assert (folder / about["readme"]).is_file()
    assert about["license"] == "Apache-2.0"
    assert "tpzoo" in about["dependencies"]
    for value in about["entry-points"]["tpzoo"].values():
        module = sources(folder) / value.partition(":")[0].replace(".", "/")
        assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()
