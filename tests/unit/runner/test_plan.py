"""Which passes a run makes, against what the config's help says."""

from __future__ import annotations

from typing import Any

import pytest

from tpzoo.assembly.experiment import FeedbackTraining
from tpzoo.runner.plan import Phase, make_plan


def written(plan: list[Phase]) -> list[str]:
    """``f1`` is a feedback pass of epoch 1, ``t1`` a training pass; a dot says that the epoch ends."""
    return [f"{phase.kind[0]}{phase.epoch}{'.' * phase.ends_epoch}" for phase in plan]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "t1. t2."),
        ({"pretrain_epochs": 2}, "f0 f0 t1. t2."),
        ({"extra_epochs": 2}, "t1 f1 f1. t2 f2 f2."),
        ({"order": "alternate_epochs"}, "f1 t1. f2 t2."),
        ({"order": "alternate_epochs", "pretrain_epochs": 1, "extra_epochs": 1}, "f0 f1 t1 f1. f2 t2 f2."),
    ],
)
def test_the_order_of_the_passes(settings: dict[str, Any], expected: str) -> None:
    assert written(make_plan(2, FeedbackTraining(**settings), True)) == expected.split()


def test_a_feedback_that_learns_nothing_has_no_passes_of_its_own() -> None:
    settings = FeedbackTraining(pretrain_epochs=2, extra_epochs=1, order="alternate_epochs")
    assert written(make_plan(2, settings, False)) == ["t1.", "t2."]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("targets_first", "targets_first"),
        ("feedback_first", "feedback_first"),
        ("alternate_epochs", "forward_only"),
    ],
)
def test_how_a_training_pass_treats_the_maps(order: str, expected: str) -> None:
    plan = make_plan(1, FeedbackTraining(order=order), True)
    assert [phase.order for phase in plan if phase.kind == "train"] == [expected]


def test_every_pass_is_shuffled_by_a_stream_of_its_own() -> None:
    settings = FeedbackTraining(pretrain_epochs=2, extra_epochs=2, order="alternate_epochs")
    plan = make_plan(3, settings, True)
    assert len({phase.stream for phase in plan}) == len(plan) == 2 + 3 * 4


def test_no_epochs() -> None:
    assert make_plan(0, FeedbackTraining(), True) == []
    assert written(make_plan(0, FeedbackTraining(pretrain_epochs=1), True)) == ["f0"]
