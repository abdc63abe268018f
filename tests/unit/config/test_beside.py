"""Settings of an update that a config may write beside `rule.update`, as the shipped recipes do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpzoo.config import load
from tpzoo.errors import ConfigError, TpzooError


@pytest.mark.parametrize(
    "text",
    [
        "rule: {name: dtp, update: minimal_norm, norm_ratio: 0.5}",
        "rule: {norm_ratio: 0.5, update: minimal_norm}",
        "rule: {update: {name: minimal_norm, norm_ratio: 0.5}}",
    ],
)
def test_the_place_beside_and_the_place_within_are_one(text: str) -> None:
    chosen = load(None, [text.replace("rule: ", "rule=")]).experiment.rule.settings.update
    assert chosen.name == "minimal_norm"
    assert chosen.settings.norm_ratio == 0.5


def test_another_update_drops_what_a_weaker_layer_wrote_beside(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rule: {local_loss: sum}")
    loaded = load(tmp_path / "a.yaml", ["rule.update=minimal_norm"])
    assert loaded.experiment.rule.settings.update.name == "minimal_norm"


def test_a_key_of_the_other_update_is_no_option() -> None:
    with pytest.raises(ConfigError, match=r"rule\.norm_ratio=1: not an option of update 'gradient'"):
        load(None, ["rule.norm_ratio=1"])


def test_a_rule_without_displacements_refuses_every_update_but_the_default() -> None:
    load(None, ["rule=bp", "rule.update=gradient"])
    with pytest.raises(TpzooError, match="update 'minimal_norm' requires 'displacements', which rule 'bp'"):
        load(None, ["rule=bp", "rule.update=minimal_norm"])
