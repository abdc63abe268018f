"""What the README promises: every command and all Python on it is run, and its numbers are those of the data."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import inside
from tests.support.runs import write_toy_data
from tpzoo.plugin.discovery import load_catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line, comments=True) for line in README.splitlines() if line.startswith(("    tpzoo ", "    make "))
]
(CODE,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SMALL = ["epochs=1", "feedback_training.pretrain_epochs=0"]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the README's reader has: its rule, and the repository's configs."""
    (tmp_path / "upper_blocks.py").write_text(CODE)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    write_toy_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_two_lines_are_the_two_commands_and_the_makefile_has_them() -> None:
    assert [line.split()[:2] for line in README.splitlines()[:2]] == [["make", "demo"], ["make", "test"]]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {command[1] for command in COMMANDS if command[0] == "make"} <= set(targets)


def test_every_command_runs(at_home: Path) -> None:
    """Trainings are cut to one epoch, and those on MNIST get a few toy images instead of a download."""
    commands = [command[1:] for command in COMMANDS if command[0] == "tpzoo"]
    assert len(commands) >= 10
    for number, command in enumerate(commands):
        if command[0] == "train":
            command = [*(word for word in command if not word.startswith(("epochs", "data.download"))), *SMALL]
            command += ["--quiet", "--run-dir", str(at_home / f"run{number}")]
            if "mnist" in command[1]:
                command += ["data=npz", f"data.path={at_home / 'toy.npz'}", "data.validation=0"]
        done = inside(*command)
        assert done.returncode == 0, f"tpzoo {' '.join(command)}\n{done.stderr}"


def test_the_setting_of_the_rule_visibly_changes_the_result(at_home: Path) -> None:
    """After 3 of 30 epochs already: with one block learning, and with all."""
    found = []
    for blocks in (1, 4):
        chosen = ("rule=upper", f"rule.blocks={blocks}", "epochs=3", "--plugin", "upper_blocks.py", "--quiet")
        done = inside("train", "configs/demo.yaml", *chosen, "--run-dir", at_home / f"of{blocks}")
        assert done.returncode == 0, done.stderr
        found.append(json.loads((at_home / f"of{blocks}" / "summary.json").read_text())["test_accuracy"])
    assert found[1] - found[0] > 0.02


def test_the_table_is_that_of_the_data() -> None:
    with (ROOT / "docs/data/meulemans2020_mnist.csv").open(newline="") as file:
        rows = {(row["recipe"], row["seed"]): row["at best validation"] for row in csv.DictReader(file)}
    table = re.findall(r"^\| [\w -]+ \| `(meulemans2020/mnist/\w+)` \| ([\d.]+) ± ([\d.]+) \|$", README, re.MULTILINE)
    assert len(table) == 4
    for recipe, mean, deviation in table:
        name = recipe.replace("/", "-").replace("_", "-")
        assert (mean, deviation) == (rows[name, "mean"], rows[name, "sd"])
        assert load_catalogue().find("recipe", recipe)


def test_the_configs_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"configs/[\w/]+\.yaml", README))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
