"""What the README promises: every command and all Python on it is run, and its numbers are those of the data."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import inside
from tests.support.runs import write_toy_data
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report import learning

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
LINES = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", README, flags=re.DOTALL), flags=re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for line in LINES]
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


def test_the_two_commands_of_the_makefile_come_first_and_then_two_sentences() -> None:
    assert [line.split()[:2] for line in README.splitlines()[:2]] == [["make", "demo"], ["make", "test"]]
    title, sentences = README.split("\n\n")[1:3]
    assert title == "# tpzoo"
    assert len(re.findall(r"\.(?:\s|$)", sentences)) == 2
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {command[1] for command in COMMANDS if command[0] == "make"} <= set(targets)


def test_no_command_is_left_out() -> None:
    assert {command[0] for command in COMMANDS} == {"make", "tpzoo", "python", "pip"}
    for *options, name in (command[2:] for command in COMMANDS if command[0] == "pip"):
        assert options in ([], ["-e"])
        assert (ROOT / name / "pyproject.toml").is_file()


def test_every_command_runs(at_home: Path) -> None:
    """In their order. Trainings are cut to one epoch, and those on MNIST get a few toy images instead of a download."""
    (at_home / "docs").mkdir()
    assert len(COMMANDS) >= 15
    for program, *command in COMMANDS:
        if program == "tpzoo":
            if command[0] == "train" and "--resume" not in command:
                command = [*(word for word in command if not word.startswith(("epochs", "data.download"))), *SMALL]
            if command[0] == "train" and "mnist" in command[1]:
                command += ["data=npz", f"data.path={at_home / 'toy.npz'}", "data.validation=0"]
            done = inside(*command)
            assert done.returncode == 0, f"tpzoo {' '.join(command)}\n{done.stderr}"
        if program == "python":
            assert command[:2] == ["-m", "tpzoo.report.learning"]
            assert learning.main(command[2:]) == 0
    assert (at_home / "docs" / "demo.png").stat().st_size > 10_000
    assert list((at_home / "report").glob("*.html"))


def test_the_setting_of_the_rule_changes_the_result_as_it_says(at_home: Path) -> None:
    """Rounding differs among machines: the accuracies may do so by three standard deviations of 297 test images."""
    shown = re.findall(r"^    (tpzoo train .*)  +# (?:test accuracy )?([\d.]+) %$", README, re.MULTILINE)
    assert len(shown) == 3
    reached = []
    for line, percent in shown:
        done = inside(*shlex.split(line)[1:], "--quiet", "--run-dir", at_home / percent)
        assert done.returncode == 0, done.stderr
        accuracy = float(percent) / 100
        reached.append(json.loads((at_home / percent / "summary.json").read_text())["test_accuracy"])
        assert abs(reached[-1] - accuracy) < 3 * math.sqrt(accuracy * (1 - accuracy) / 297)
    assert reached[0] + 0.02 < reached[1]


def test_the_table_is_that_of_the_data() -> None:
    with (ROOT / "docs/data/meulemans2020_mnist.csv").open(newline="") as file:
        rows = {(row["recipe"], row["seed"]): row["at best validation"] for row in csv.DictReader(file)}
    table = re.findall(r"^\| [\w -]+ \| `(meulemans2020/mnist/\w+)` \| ([\d.]+) ± ([\d.]+) \|$", README, re.MULTILINE)
    assert len(table) == 4
    for recipe, mean, deviation in table:
        name = recipe.replace("/", "-").replace("_", "-")
        assert (mean, deviation) == (rows[name, "mean"], rows[name, "sd"])
        assert load_catalogue().find("recipe", recipe)


def test_the_files_that_the_readme_names_exist() -> None:
    named = {link or config for link, config in re.findall(r"\]\(([^)#:]+)\)|(configs/[\w/]+\.yaml)", README)}
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
