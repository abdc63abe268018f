"""Every check of the kit can fail: entries that break one rule are caught by the checks of that rule and no others.

This file: rules, learners, maps and architectures. The other kinds are in ``test_kit_catches_parts.py`` and
``test_kit_catches_runs.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.broken import LEARNERS, RULES
from tests.conformance.broken_networks import BLOCKS, MAPS, Plain, network_of
from tpzoo import Architecture, FeedbackLearner, MapForm, Record, TargetRule
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import check

CATALOGUE = load_catalogue()


def failed(record: Record, device: str) -> set[str]:
    """The names of the checks that a record fails."""
    return {outcome.case.name for outcome in check(record, CATALOGUE, device) if not outcome.ok}


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: Any, device: str) -> None:
    record = TargetRule(name="broken", summary="a rule", build=rule)
    assert failed(record, device) == RULES[rule]


@pytest.mark.parametrize("learner", LEARNERS)
def test_learners(learner: Any, device: str) -> None:
    record = FeedbackLearner(name="broken", summary="a learner", build=learner, requires=("maps",))
    assert failed(record, device) == LEARNERS[learner]


@pytest.mark.parametrize("form", MAPS)
def test_maps(form: Any, device: str) -> None:
    provides = ("linear_tail",) if "linear_tail" in MAPS[form] else ()
    record = MapForm(name="broken", summary="a map", build=form, provides=provides)
    assert failed(record, device) == MAPS[form]


@pytest.mark.parametrize("block", BLOCKS)
def test_architectures(block: type[Plain], device: str) -> None:
    record = Architecture(name="broken", summary="blocks", build=network_of(block), provides=("pre_activation",))
    assert failed(record, device) == BLOCKS[block]
