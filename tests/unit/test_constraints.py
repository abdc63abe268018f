"""The pinned versions are those that pyproject.toml claims: its floors, and for torch one pair everywhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from tests.support.distributions import FOLDERS, project

ROOT = Path(__file__).parents[2]
TORCH = {"torch", "torchvision"}


def pinned(name: str) -> dict[str, Version]:
    """Distribution -> version, from a file of constraints."""
    lines = [line for line in (ROOT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {distribution.lower(): Version(version) for distribution, version in pairs}


def claimed() -> dict[str, Version | None]:
    """Distribution -> the oldest version that pyproject.toml allows, or None where it names none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, Version | None] = {}
    for requirement in map(Requirement, project["dependencies"]):
        floors = [Version(each.version) for each in requirement.specifier if each.operator == ">="]
        found[requirement.name.lower()] = floors[0] if floors else None
    return found


def test_the_oldest_dependencies_are_the_floors() -> None:
    oldest, floors = pinned("constraints-oldest.txt"), claimed()
    assert oldest.keys() == floors.keys()
    assert {name: oldest[name] for name in floors.keys() - TORCH} == {n: floors[n] for n in floors.keys() - TORCH}


def test_torch_is_the_same_pair_in_both() -> None:
    oldest, ours = pinned("constraints-oldest.txt"), pinned("constraints.txt")
    assert {name: oldest[name] for name in TORCH} == {name: ours[name] for name in TORCH}


def test_what_is_installed_by_default_is_no_older_than_the_floors() -> None:
    """Those of the distributions in ``plugins/`` included, whose suites are left out where they are not met."""
    ours = pinned("constraints.txt")
    assert [name for name, floor in claimed().items() if floor is not None and ours[name] < floor] == []
    wanted = [Requirement(each) for folder in FOLDERS for each in project(folder)["dependencies"] if each != "tpzoo"]
    assert [str(each) for each in wanted if ours[each.name] not in each.specifier] == []
