"""What the README promises: every command and all Python on it is run, and its numbers are those of the data."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.command import inside
from tests.support.runs import write_toy_data
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report import learning
from tpzoo.report.run_record import BEST, ERROR, read_records

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
LINES = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", README, flags=re.DOTALL), flags=re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for line in LINES]
CODE, FROM_PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SMALL = ["epochs=1", "feedback_training.pretrain_epochs=0"]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the README's reader has: its rule, and the repository's configs."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "upper_blocks.py").write_text(CODE)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    write_toy_data(tmp_path)
    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((5, 1, 8, 8), dtype=np.float32))
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


def test_what_it_shows_of_python_runs(at_home: Path) -> None:
    """As the commands: for one epoch."""
    x, y = torch.rand(8, 20), torch.arange(8) % 3
    net = torch.nn.Sequential(torch.nn.Linear(20, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
    names = {"images": images, "net": net, "x": x, "loader": [(x, y)]}
    assert "epochs=5" in FROM_PYTHON
    exec(FROM_PYTHON.replace("epochs=5", "epochs=1"), names)
    assert float(names["out"].loss) > 0  # type: ignore[attr-defined]
    assert (at_home / "for-a-colleague" / "network.py").is_file()


def test_every_command_runs(at_home: Path) -> None:
    """In their order. Trainings are cut to one epoch, and those on MNIST get a few toy images instead of a download."""
    assert len(COMMANDS) >= 13
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
    """One seed of each record that the README's sentence is made from, measured again."""
    records = [read_records(ROOT / "docs" / "data" / "runs")[f"upper-blocks-{blocks}"] for blocks in (1, 2, 4)]
    for record in records:
        command = shlex.split(record.command)[1:]
        done = inside(*command, "seed=0", "--quiet", "--run-dir", at_home / record.name)
        assert done.returncode == 0, done.stderr
        error = 100 * (1 - json.loads((at_home / record.name / "summary.json").read_text())["test_accuracy"])
        low, high = record.allowed(ERROR)
        assert low <= error <= high
    assert records[0].mean(ERROR) > records[1].mean(ERROR) + 2


def test_the_table_is_that_of_the_records() -> None:
    """docs/generate.py fills the numbers in, and a test sees that they are current; here, that each is the right"
    " one."""
    number = r"<!-- number (\S+) test_error_at_best_valid mean -->([\d.]+)<!-- / -->"
    table = re.findall(rf"^\| [\w -]+ \| `(meulemans2020/mnist/\w+)` \| {number} ± ", README, re.MULTILINE)
    assert len(table) == 4
    for recipe, name, mean in table:
        assert name == recipe.replace("/", "-").replace("_", "-")
        record = read_records(ROOT / "docs" / "data" / "runs")[name]
        assert mean == f"{record.mean(BEST):.2f}"
        assert load_catalogue().find("recipe", recipe)


def test_the_files_that_the_readme_names_exist() -> None:
    named = {link or config for link, config in re.findall(r"\]\(([^)#:]+)\)|(configs/[\w/]+\.yaml)", README)}
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_first_run_page_says_what_check_prints() -> None:
    page = (ROOT / "docs" / "first-run.md").read_text("utf-8")
    printed = inside("check", "demo").stdout.splitlines()
    shown = re.findall(r"^    (examples: .*|10 classes, .*|always saying .*)$", page, re.MULTILINE)
    assert len(shown) == 3
    assert all(any(line.startswith(each.removesuffix(", ...")) for line in printed) for each in shown)
