"""An installed distribution adds an architecture, a data set, a map and a rule: tpzoo-example, as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import assert_message, tpzoo
from tests.support.distributions import ROOT, install

FOLDER = ROOT / "plugins" / "tpzoo-example"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where tpzoo-example is installed."""
    return install(FOLDER, tmp_path / "site")


def test_it_adds_an_entry_of_each_kind(environment: dict[str, str]) -> None:
    listed = json.loads(tpzoo("list", "--json", **environment).stdout)
    ours = {(item["kind"], item["name"]) for item in listed if item["distribution"] == "tpzoo-example"}
    assert ours == {
        ("dataset", "rings"), ("architecture", "funnel"), ("map", "narrow"), ("rule", "clipped"),
        ("recipe", "example/rings"),
    }  # fmt: skip


def test_its_recipe_trains_by_name(environment: dict[str, str], tmp_path: Path) -> None:
    done = tpzoo("train", "example/rings", "--quiet", "--run-dir", tmp_path / "run", **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["test_accuracy"] > 0.9
    said = json.loads((tmp_path / "run" / "environment.json").read_text())
    (session,) = said["sessions"]
    assert session["plugins"]["tpzoo-example"] == "0.1.0"
    assert sorted(session["code"]) == ["tpzoo", "tpzoo-example"]


def test_its_entries_mix_with_the_built_ins(environment: dict[str, str], tmp_path: Path) -> None:
    overrides = ("epochs=1", "architecture=funnel", "feedback.map=tpzoo-example/narrow", "rule=tpzoo-example/clipped")
    done = tpzoo("train", *overrides, "--quiet", "--run-dir", tmp_path / "run", **environment)
    assert done.returncode == 0, done.stderr
    again = tpzoo("evaluate", tmp_path / "run", "--json", **environment)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert json.loads(again.stdout)["accuracy"] == summary["test_accuracy"]


def test_its_combinations_are_in_the_matrix(environment: dict[str, str]) -> None:
    found = json.loads(tpzoo("matrix", "--json", **environment).stdout)
    chosen = {"feedback": "direct", "map": "narrow", "learner": "drl", "rule": "clipped"}
    assert {**chosen, "update": "minimal_norm", "output": "argmin", "notices": []} in found


def test_blocked_or_absent_it_is_named(environment: dict[str, str]) -> None:
    blocked = tpzoo("train", "rule=clipped", TPZOO_BLOCK="tpzoo-example", **environment)
    assert_message(blocked, "unknown rule 'clipped'", "blocked by TPZOO_BLOCK")
    assert_message(tpzoo("train", "rule=clipped", TPZOO_BLOCK="tpzoo-example"), "unknown rule 'clipped'")
