"""Every check of the kit can fail: entries that break one rule are caught by the checks of that rule and no others.

This file: rules, learners, maps, architectures and twins. The other kinds are in ``test_kit_catches_parts.py`` and
``test_kit_catches_runs.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from torch import Tensor, nn

from tests.support.broken import LEARNERS, RULES, UPDATES
from tests.support.broken_networks import BLOCKS, MAPS, Plain, network_of
from tests.support.broken_twins import LINEAR, OTHERS, Plain as PlainTwin, twin_record
from tpzoo import Architecture, Edge, FeedbackLearner, MapForm, Record, TargetRule, Twin, WeightUpdate
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import check
from tpzoo.zoo.learners.plugin import RidgeSettings
from tpzoo.zoo.learners.ridge import Ridge
from tpzoo.zoo.rules.dtp import DTP

CATALOGUE = load_catalogue()


def failed(record: Record, device: str) -> set[str]:
    """The names of the checks that a record fails."""
    return {outcome.case.name for outcome in check(record, CATALOGUE, device) if not outcome.ok}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: Any, device: str) -> None:
    record = TargetRule(name="broken", summary="a rule", build=rule)
    assert failed(record, device) == RULES[rule]


@pytest.mark.parametrize("update", UPDATES)
def test_updates(update: Any, device: str) -> None:
    record = WeightUpdate(name="broken", summary="an update", build=update)
    assert failed(record, device) == UPDATES[update]


def test_rules_that_say_what_is_not_so(device: str) -> None:
    """A record that denies the displacements, or the feedback, of its rule."""
    for says in ({"makes_displacements": False}, {"uses_feedback": False}):
        record = TargetRule(name="broken", summary="a rule", build=DTP, **says)
        assert "declarations" in failed(record, device)


@pytest.mark.parametrize("learner", LEARNERS)
def test_learners(learner: Any, device: str) -> None:
    record = FeedbackLearner(name="broken", summary="a learner", build=learner, requires=("maps",))
    assert failed(record, device) == LEARNERS[learner]


class SolvesForHalf(Ridge):
    def __init__(self, settings: object = None) -> None:
        super().__init__(RidgeSettings())

    def solve(self, edge: Edge, statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value / 2 for name, value in super().solve(edge, statistics).items()}


def test_learners_that_solve(device: str) -> None:
    needs = ("maps", "linear_map")
    record = FeedbackLearner(name="broken", summary="a learner", build=SolvesForHalf, requires=needs)
    assert failed(record, device) == {"solutions_minimise_the_loss"}


@pytest.mark.parametrize("form", MAPS)
def test_maps(form: Any, device: str) -> None:
    provides = {"linear_tail": ("linear_tail",), "weight_matrix": ("linear_map",)}.get(min(MAPS[form], default=""), ())
    record = MapForm(name="broken", summary="a map", build=form, provides=provides)
    assert failed(record, device) == MAPS[form]


@pytest.mark.parametrize("block", BLOCKS)
def test_architectures(block: type[Plain], device: str) -> None:
    provides = ("pre_activation", "dense_blocks")
    record = Architecture(name="broken", summary="blocks", build=network_of(block), provides=provides)
    assert failed(record, device) == BLOCKS[block]


@pytest.mark.parametrize("twin", [*LINEAR, *OTHERS])
def test_twins(twin: Any, device: str) -> None:
    assert failed(twin_record(twin), device) == (LINEAR[twin] if twin in LINEAR else OTHERS[twin][2])


@pytest.mark.parametrize("layer", [nn.Conv2d(4, 3, 1), None])
def test_examples_of_a_twin_are_of_its_type(layer: nn.Module | None, device: str) -> None:
    made = [] if layer is None else [(nn.Linear(4, 3), (4,)), (layer, (4, 1, 1))]
    record = Twin(name="broken", summary="a twin", module=nn.Linear, build=PlainTwin, examples=lambda: made)
    assert "twin_fits" in failed(record, device)


def test_a_twin_without_examples_is_skipped_with_the_reason(device: str) -> None:
    record = Twin(name="bare", summary="a twin", module=nn.Linear, build=PlainTwin)
    found = {outcome.case.name: outcome for outcome in check(record, CATALOGUE, device)}
    assert {found.pop(name).status for name in ("valid", "config_round_trip")} == {"passed"}
    assert {(each.status, each.message) for each in found.values()} == {("skipped", "the record has no examples")}
    assert len(found) == 10


@pytest.mark.parametrize("examples", ["no colon", 3])
def test_examples_that_are_neither_callable_nor_a_name(examples: Any, device: str) -> None:
    record = Twin(name="bad", summary="a twin", module=nn.Linear, build=PlainTwin, examples=examples)
    assert "valid" in failed(record, device)
