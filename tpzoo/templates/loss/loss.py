"""Huber's loss, summed over the outputs: e^2 / 2 where |e| < delta, else delta (|e| - delta / 2); e = out - y."""

from typing import final

from torch import Tensor
from torch.nn import functional as F

from tpzoo import ClassLoss, DataSpec, Loss, MinimisableLoss, classes_of, one_hot
from tpzoo.templates.loss.plugin import MyEntrySettings


class HuberLoss(MinimisableLoss):
    """What both tasks share; ``minimiser`` says what the labels stand for."""

    def __init__(self, settings: MyEntrySettings) -> None:
        super().__init__()
        self.settings = settings

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        """The loss of every sample, (batch,)."""
        aim = self.minimiser(out, y)
        return F.huber_loss(out, aim, reduction="none", delta=self.settings.delta).flatten(1).sum(1)


@final
class MyEntryLoss(HuberLoss):
    """For a regression."""

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The output of least loss, like ``out``: what output target ``argmin`` aims at."""
        return y.view_as(out).to(out.dtype)


@final
class MyEntryClassLoss(HuberLoss, ClassLoss):
    """For classes, as one-hot vectors."""

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The one-hot vector of every label."""
        return one_hot(y, out)

    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        """Whether every sample is classified correctly, (batch,) of bool."""
        return out.argmax(-1) == classes_of(y)


def build(settings: MyEntrySettings, spec: DataSpec) -> Loss:
    """The loss for the data's task."""
    return MyEntryClassLoss(settings) if spec.task == "classification" else MyEntryLoss(settings)
