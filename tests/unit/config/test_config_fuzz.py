"""Random edits of configs: every result is a config or a TpzooError, and no unknown key is ever accepted."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.config_edits import EDITS, VALUES, mappings, with_unknown_key
from tests.support.config_kit import RICH
from tpzoo import TpzooError
from tpzoo.config import load
from tpzoo.plugin.catalogue import Catalogue

SAMPLES = [
    RICH,
    "rule: bp\nepochs: 3\noutput:\n  name: gradient\n  step_size: 0.1\nprobes:\n  bp_angle:\n    every: 80\n",
    "feedback:\n  name: direct\n  map:\n    name: random_hidden\n    width: 8\nlearner: {name: drl, sigma: [1, 2]}\n"
    "feedback_training: {iterations: {'*': 3}, order: feedback_first}\noptimizer:\n  feedback:\n    lr: 1e-4\n",
]
COUNT = 1000


@pytest.mark.parametrize("edit", EDITS)
def test_a_random_edit_gives_a_config_or_a_clear_error(
    edit: Callable[[str, random.Random], str], catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(edit.__name__)
    for number in range(COUNT // 5):
        text = edit(chance.choice(SAMPLES), chance)
        Path("edited.yaml").write_text(text)
        try:
            loaded = load(Path("edited.yaml"), (), catalogue)
        except TpzooError as error:
            assert str(error), (number, text)
        else:
            assert loaded.to_yaml(), (number, text)


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_unknown_key_is_refused_wherever_it_stands(sample: str, catalogue: Catalogue, tmp_path: Path) -> None:
    chance = random.Random(0)
    for index in range(len(mappings(yaml.safe_load(sample)))):
        tree = yaml.safe_load(sample)
        key = with_unknown_key(mappings(tree)[index][1], chance)
        file = tmp_path / "edited.yaml"
        file.write_text(yaml.safe_dump(tree))
        with pytest.raises(TpzooError, match=key):
            load(file, (), catalogue)


def test_random_overrides_on_the_command_line(catalogue: Catalogue) -> None:
    chance = random.Random(1)
    keys = ["rule", "rule.name", "feedback.map", "probes.norms", "optimizer.forward.lr", "seed", "loggers", "extends"]
    for _ in range(COUNT // 2):
        overrides = [f"{chance.choice(keys)}={chance.choice([*VALUES, 'bp', 'dtp', 'linear'])}" for _ in range(3)]
        overrides.append("".join(chance.choices(string.printable, k=6)))
        with pytest.raises(TpzooError):
            load(None, [*overrides, "surely_unknown=1"], catalogue)
