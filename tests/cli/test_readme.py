"""The README promises commands and a plugin; both are tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.command import tpzoo

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_first_two_lines_are_the_two_commands() -> None:
    assert [line.split()[:2] for line in README.splitlines()[:2]] == [["make", "demo"], ["make", "test"]]


def test_the_plugin_of_the_readme_trains(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    plugin = tmp_path / "my_rule.py"
    plugin.write_text(code)
    overrides = ("epochs=1", "rule=scaled", "rule.scale=0.5", "--plugin", plugin, "--run-dir", tmp_path / "run")
    done = tpzoo("train", *overrides)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "done"


def test_the_configs_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"configs/[\w/]+\.yaml", README))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
