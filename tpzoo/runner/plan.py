"""Which passes over the training data a run makes, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tpzoo.assembly.experiment import FeedbackTraining
from tpzoo.engine.context import Order


@dataclass(frozen=True)
class Phase:
    """One pass over the training data.

    Attributes:
        kind: ``train`` moves the forward weights, ``feedback`` only the maps.
        epoch: the epoch it belongs to, from 1; 0 for pre-training.
        number: counts the phases of one kind and epoch, from 0.
        order: how a training pass treats the maps.
        ends_epoch: whether the networks are evaluated after it.
    """

    kind: Literal["train", "feedback"]
    epoch: int
    number: int
    order: Order = "feedback_only"
    ends_epoch: bool = False

    @property
    def stream(self) -> str:
        """The name of the random stream that shuffles this pass: none but this pass uses it."""
        return f"data order/{self.kind}/{self.epoch}/{self.number}"


def make_plan(epochs: int, training: FeedbackTraining, trains_feedback: bool) -> list[Phase]:
    """All passes of a run; those of the feedback only where there is something to train."""
    feedback = training if trains_feedback else FeedbackTraining()
    plan = [Phase("feedback", 0, number) for number in range(feedback.pretrain_epochs)]
    for epoch in range(1, epochs + 1):
        plan += _epoch(epoch, feedback)
    return plan


def _epoch(epoch: int, training: FeedbackTraining) -> list[Phase]:
    alternate = training.order == "alternate_epochs"
    before = [Phase("feedback", epoch, 0)] if alternate else []
    order: Order = "forward_only" if alternate else training.order  # type: ignore[assignment]
    train = Phase("train", epoch, 0, order, ends_epoch=not training.extra_epochs)
    last = training.extra_epochs - 1
    extra = [Phase("feedback", epoch, 1 + i, ends_epoch=i == last) for i in range(training.extra_epochs)]
    return [*before, train, *extra]
