"""The first rung for authors: one file of at most thirty lines adds a target rule, passes the kit and trains."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import inside

PLUGIN = '''
"""A rule that trains hidden blocks by the sign of the displacement that dtp would give them."""

from dataclasses import dataclass

from tpzoo import DisplacementRule, RuleSettings, TargetRule, hookimpl, setting


@dataclass(frozen=True)
class Settings(RuleSettings):
    length: float = setting(0.01, above=0, help="how far every hidden unit should move")


class SignRule(DisplacementRule):
    def __init__(self, settings):
        super().__init__(settings)
        self.length = settings.length

    def displacements(self, trace, feedback, batch, draw):
        found = feedback.displacements(trace, batch.output_displacement(trace.output), batch.y)
        return {node: d if node == trace.last else self.length * d.sign() for node, d in found.items()}


@hookimpl
def tpzoo_target_rules():
    yield TargetRule(name="sign", summary="fixed steps", config=Settings, build=SignRule, requires=("feedback",))
'''.strip()


def test_it_is_at_most_thirty_lines() -> None:
    assert len(PLUGIN.splitlines()) <= 30


def test_it_conforms(tmp_path: Path) -> None:
    (tmp_path / "sign_rule.py").write_text(PLUGIN)
    done = inside("check", tmp_path / "sign_rule.py")
    assert done.returncode == 0, done.stderr
    assert "rule sign: fixed steps" in done.stdout
    assert "passed" in done.stdout


def test_it_trains(tmp_path: Path) -> None:
    plugin = tmp_path / "sign_rule.py"
    plugin.write_text(PLUGIN)
    overrides = ("epochs=3", "batch_size=32", "rule=sign", "rule.length=0.02", "--quiet")
    done = inside("train", "demo", *overrides, "--plugin", plugin, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["test_accuracy"] > 0.6
