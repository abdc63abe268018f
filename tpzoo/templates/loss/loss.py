"""Huber's loss, summed over the outputs: e^2 / 2 where |e| < delta, else delta (|e| - delta / 2); e = out - y."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo import DataSpec, Loss
from tpzoo.templates.loss.plugin import MyEntrySettings


class MyEntryLoss(Loss):
    """For classes (one-hot) and for regression."""

    def __init__(self, settings: MyEntrySettings) -> None:
        super().__init__()
        self.settings = settings

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        """The loss of every sample, (batch,)."""
        aim = self.minimiser(out, y)
        return F.huber_loss(out, aim, reduction="none", delta=self.settings.delta).flatten(1).sum(1)

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The output of least loss, like ``out``: what output target ``argmin`` aims at."""
        if y.is_floating_point():
            return y.view_as(out).to(out.dtype)
        return (y.unsqueeze(-1) == torch.arange(out.shape[-1], device=out.device)).to(out.dtype)

    def correct(self, out: Tensor, y: Tensor) -> Tensor | None:
        """Whether every sample is classified correctly, (batch,); None for a regression."""
        return None if y.is_floating_point() else out.argmax(-1) == y


def build(settings: MyEntrySettings, spec: DataSpec) -> Loss:
    """The loss, for data of any task."""
    return MyEntryLoss(settings)
