"""`tpzoo show`: an entry with all that is known about it, or a config as it resolves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import assert_message, inside, tpzoo
from tpzoo.cli import show
from tpzoo.config import load
from tpzoo.config.dump import dump_yaml
from tpzoo.plugin.discovery import load_catalogue

CONFIG = """rule: tp
learner:
  name: drl
  sigma: {"*": 0.2}
loggers: {csv: null}
"""


def test_an_entry_says_what_it_is_and_what_it_works_with() -> None:
    text = tpzoo("show", "learner", "drl").stdout
    for part in ("difference reconstruction loss", "Meulemans", "arxiv.org/abs/2006.14331", "requires   maps:"):
        assert part in text
    (row,) = (line for line in text.splitlines() if line.startswith("  sigma"))
    assert "a number, a list of them, or {pattern: value}" in row
    assert "above 0" in row
    assert "0.1" in row
    assert "standard deviation" in row


def test_partners_are_named_both_ways() -> None:
    learner = json.loads(tpzoo("show", "learner", "drl", "--json").stdout)
    path = json.loads(tpzoo("show", "feedback", "direct", "--json").stdout)
    assert "feedback direct" in learner["partners"]["maps"]
    assert "feedback tied" not in learner["partners"]["maps"]
    assert "learner drl" in path["wanted_by"]["maps"]


def test_every_entry_can_be_described() -> None:
    catalogue = load_catalogue()
    for entry in catalogue.entries():
        found = show.describe(entry, catalogue)
        assert json.dumps(found)
        assert list(show.lines(found))


def test_a_recipe_shows_its_file() -> None:
    done = tpzoo("show", "recipe", "mnist/dtp")
    assert "extends: base.yaml" in done.stdout
    assert "dtp.yaml" in done.stdout


@pytest.mark.parametrize("origins", [(), ("--origins",)], ids=["plain", "origins"])
def test_what_is_shown_of_a_config_can_be_run(tmp_path: Path, origins: tuple[str, ...]) -> None:
    config, shown = tmp_path / "mine.yaml", tmp_path / "shown.yaml"
    config.write_text(CONFIG)
    overrides = ("seed=7", "optimizer.forward.schedule=cosine", 'optimizer.feedback.lr={"*": 1e-4}')
    shown.write_text(tpzoo("show", "config", config, *overrides, *origins).stdout)
    assert load(shown).to_yaml() == load(config, overrides).to_yaml()


def test_every_line_says_where_its_value_comes_from(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG)
    lines = tpzoo("show", "config", config.name, "seed=7", "--origins", cwd=tmp_path).stdout.splitlines()
    origins = {line.split("  #")[0].strip(): line.rpartition("  # ")[2] for line in lines if "  # " in line}
    assert all("  # " in line for line in lines if not line.endswith(":"))
    assert origins["name: tp"] == "mine.yaml:1"
    assert origins["sigma: {'*': 0.2}"] == "mine.yaml:4"
    assert origins["seed: 7"] == "command line: seed=7"
    assert origins["reduction: mean"] == "default of learner 'drl'"
    assert origins["epochs: 10"] == "default"
    assert origins["csv: null"] == "removed"


BY_NAME = """data: {name: digits}
architecture: {name: mlp, hidden: [8, 7]}
optimizer: {forward: {name: sgd, lr: {"*": 0.1, fc3: 0.2}}, feedback: {lr: [0.3, 0.4], eps: {"*": 1.0e-6}}}
feedback_training: {iterations: {fc1: 3, fc2: 4}}
probes: {gnt_angle: {damping: [1, 2, 3]}}
"""


@pytest.mark.parametrize("origins", [(), ("--origins",)], ids=["plain", "origins"])
def test_a_value_by_name_is_followed_by_what_every_block_gets(tmp_path: Path, origins: tuple[str, ...]) -> None:
    config, shown = tmp_path / "mine.yaml", tmp_path / "shown.yaml"
    config.write_text(BY_NAME)
    shown.write_text(tpzoo("show", "config", config, *origins).stdout)
    lines = shown.read_text().splitlines()
    comments = {lines[i - 1].split("  #")[0].strip(): line.strip() for i, line in enumerate(lines) if "# by " in line}
    assert comments == {
        "lr: {'*': 0.1, fc3: 0.2}": "# by block: fc1 0.1, fc2 0.1, fc3 0.2",
        "lr: [0.3, 0.4]": "# by edge: fc1 0.3, fc2 0.4",
        "iterations: {fc1: 3, fc2: 4}": "# by edge: fc1 3, fc2 4",
        "damping: [1.0, 2.0, 3.0]": "# by block: fc1 1.0, fc2 2.0, fc3 3.0",
    }
    assert load(shown).to_yaml() == load(config).to_yaml()


def test_the_comment_stands_under_a_value_of_several_lines() -> None:
    text = dump_yaml({"a": {"lr": dict.fromkeys([f"fc{i}" for i in range(40)], 0.125), "train": "*"}, "lr": 1})
    shown = show.with_comments(text, {"a.lr": "# by block: x"})
    before, after = shown.split("  # by block: x\n")
    assert before + after == text
    assert before.rstrip().endswith("}")
    assert after.startswith("  train: ")


def test_without_data_the_config_is_shown_and_the_standard_error_says_what_is_missing(tmp_path: Path) -> None:
    done = tpzoo("show", "config", "ernoult2022/cifar10_vgg_ldrl", f"data.root={tmp_path}")
    assert "sigma: {conv1: 0.4" in done.stdout
    assert "# by" not in done.stdout
    assert "values of every block and edge are left out: there are no files in" in done.stderr


def test_what_was_decided_for_the_user_is_said_apart() -> None:
    done = tpzoo("show", "config", "rule=bp")
    assert "uses no feedback" in done.stderr
    assert "feedback: {name: none}" in done.stdout


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["rule", "dpt"], "Did you mean 'dtp'?"),
        (["ruel", "dtp"], "unknown kind 'ruel'"),
        (["rule"], "KIND NAME"),
        (["rule", "dtp", "--origins"], "KIND NAME"),
        (["config", "no/such.yaml"], "there is no such file"),
        (["config", "demo", "seeed=1"], "Did you mean 'seed'?"),
        (["config", "demo", "--json"], "YAML"),
    ],
)
def test_mistakes_get_a_message(overrides: list[str], part: str) -> None:
    assert_message(tpzoo("show", *overrides), part)


PARTS = ("Averages:", "Blocks:", "Weights:", "Zeros:", "When:")


@pytest.mark.parametrize("name", [entry.record.name for entry in load_catalogue().entries("probe")])
def test_a_probe_is_explained_in_full(name: str) -> None:
    """Formula and source, what is averaged over, which blocks and weights, zeros, and when: in one place."""
    text = inside("show", "probe", name).stdout
    assert [part for part in PARTS if f"\n{part} " not in text] == []


def test_an_explanation_is_read_without_torch() -> None:
    code = (
        "import sys; from tpzoo.plugin.discovery import load_catalogue;"
        "from tpzoo.plugin.explanation import explanation;"
        "found = {e.record.name: explanation(e.record) for e in load_catalogue().entries('probe')};"
        "assert all(found.values()) and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_notes_of_probes_name_the_blocks() -> None:
    done = inside("show", "config", "ernoult2022/digits_lenet_ldrl", "probes.condition_two.space=pre")
    assert "measured at the activation: conv1, conv2" in done.stderr
    assert "activation" not in inside("show", "config", "demo", "probes.condition_two.space=pre").stderr
