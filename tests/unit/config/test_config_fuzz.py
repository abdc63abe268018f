"""Random edits of configs: every result is a config or a TpzooError, and no unknown key is ever accepted."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_kit import RICH

from tpzoo import TpzooError
from tpzoo.config import load
from tpzoo.plugin.catalogue import Catalogue

SAMPLES = [
    RICH,
    "rule: bp\nepochs: 3\noutput:\n  name: gradient\n  step_size: 0.1\nprobes:\n  bp_angle:\n    every: 80\n",
    "feedback:\n  name: direct\n  map:\n    name: random_hidden\n    width: 8\nlearner: {name: drl, sigma: [1, 2]}\n"
    "feedback_training: {iterations: {'*': 3}, order: feedback_first}\noptimizer:\n  feedback:\n    lr: 1e-4\n",
]
EDITS = 1000
VALUES = [
    "",
    "null",
    "on",
    "12:30",
    "08",
    "-1",
    "1e400",
    "[]",
    "{}",
    "[1, [2]]",
    "{a: 1}",
    "'x",
    "${a}",
    "&a b",
    "*",
    "!x",
    "nan",
]


def _characters(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(string.printable) + text[at + chance.choice([0, 1]) :]


def _cut(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.sample(range(len(text)), 2))
    return text[:start] + text[end:]


def _swap_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def _indent(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    at = chance.randrange(len(lines))
    lines[at] = "  " + lines[at] if chance.random() < 0.5 else lines[at].lstrip()
    return "\n".join(lines)


def _value(text: str, chance: random.Random) -> str:
    lines = [line for line in text.splitlines() if ":" in line]
    line = chance.choice(lines)
    return text.replace(line, line.partition(":")[0] + ": " + chance.choice(VALUES))


@pytest.mark.parametrize("edit", [_characters, _cut, _swap_lines, _indent, _value])
def test_a_random_edit_gives_a_config_or_a_clear_error(
    edit: Callable[[str, random.Random], str], catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(edit.__name__)
    for number in range(EDITS // 5):
        text = edit(chance.choice(SAMPLES), chance)
        Path("edited.yaml").write_text(text)
        try:
            loaded = load(Path("edited.yaml"), (), catalogue)
        except TpzooError as error:
            assert str(error), (number, text)
        else:
            assert loaded.to_yaml(), (number, text)


def _mappings(tree: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every mapping in a config whose keys are fixed."""
    free = ("architecture.options", "optimizer.forward.lr", "feedback_training.iterations")
    if not isinstance(tree, dict) or path in free:
        return []
    found = [(path, tree)]
    for key, item in tree.items():
        found += _mappings(item, f"{path}.{key}" if path else key)
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_unknown_key_is_refused_wherever_it_stands(sample: str, catalogue: Catalogue, tmp_path: Path) -> None:
    chance = random.Random(0)
    for index in range(len(_mappings(yaml.safe_load(sample)))):
        tree = yaml.safe_load(sample)
        _, place = _mappings(tree)[index]
        key = "".join(chance.choices(string.ascii_lowercase, k=8))
        place[key] = chance.choice([1, "x", None, {}, [1]])
        file = tmp_path / "edited.yaml"
        file.write_text(yaml.safe_dump(tree))
        with pytest.raises(TpzooError, match=key):
            load(file, (), catalogue)


def test_random_words_on_the_command_line(catalogue: Catalogue) -> None:
    chance = random.Random(1)
    keys = ["rule", "rule.name", "feedback.map", "probes.norms", "optimizer.forward.lr", "seed", "loggers", "extends"]
    for _ in range(EDITS // 2):
        words = [f"{chance.choice(keys)}={chance.choice([*VALUES, 'bp', 'dtp', 'linear'])}" for _ in range(3)]
        words.append("".join(chance.choices(string.printable, k=6)))
        with pytest.raises(TpzooError):
            load(None, [*words, "surely_unknown=1"], catalogue)
