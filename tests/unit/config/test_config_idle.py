"""An override that changes nothing says so: it may be a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import inside
from tpzoo.config import idle_overrides, load


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("probes={}", "probes={} changes nothing: a mapping adds to what is there, and takes nothing away"),
        ("seed=0", "seed=0 changes nothing: it is so without it"),
        ("rule=dtp", "rule=dtp changes nothing: the same is chosen without it"),
    ],
)
def test_it_is_named_with_the_reason(override: str, said: str) -> None:
    (line,) = idle_overrides(load("demo", [override]), "demo", [override])
    assert line.startswith(said)


@pytest.mark.parametrize("override", ["seed=1", "probes.gn_angle.every=3", "loggers.csv=null", "rule=bp"])
def test_what_changes_something_is_not_named(override: str) -> None:
    assert idle_overrides(load("demo", [override]), "demo", [override]) == []


def test_what_a_rule_implies_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("rule: {name: gauss_newton, damping: 0}\n")  # with the default feedback it cannot be built
    needed = ["feedback=none", "learner=none"]
    assert idle_overrides(load(path, needed), path, needed) == [
        f"{each} changes nothing: the same is chosen without it" for each in needed
    ]  # the rule implies both


def test_the_command_line_says_it() -> None:
    assert "probes={} changes nothing" in inside("show", "config", "demo", "probes={}").stderr
