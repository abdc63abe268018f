"""What is minimised, and how it becomes the displacement of the output."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn


def one_hot(y: Tensor, out: Tensor) -> Tensor:
    """Class labels (batch,) as rows like ``out`` (batch, classes); unlike ``F.one_hot`` without reading the labels.

    Soft labels, shares of classes (batch, classes), stay as they are.
    """
    if y.is_floating_point():
        return y.to(out.dtype)
    return (y.unsqueeze(-1) == torch.arange(out.shape[-1], device=out.device)).to(out.dtype)


def classes_of(y: Tensor) -> Tensor:
    """The class of every label (batch,); of soft labels (batch, classes) that with the largest share."""
    return y.argmax(-1) if y.is_floating_point() else y


class Loss(nn.Module, abc.ABC):
    """A loss of the output (batch, ...) against the labels of a data set.

    Everything is per sample: sums over samples and means over the batch are the engine's business.
    """

    @abc.abstractmethod
    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        """The loss of every sample, (batch,)."""

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        """The gradient of every sample's own loss, like ``out``. Default: differentiate :meth:`per_sample`."""
        return torch.func.grad(lambda value: self.per_sample(value, y).sum())(out)


class MinimisableLoss(Loss):
    """A loss that knows the output with the least loss."""

    @abc.abstractmethod
    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The output that has the least loss, like ``out``; what output target ``argmin`` aims at."""


class ClassLoss(Loss):
    """A loss of classes."""

    @abc.abstractmethod
    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        """Whether every sample is classified correctly, (batch,) of bool."""


class Output(nn.Module, abc.ABC):
    """How the loss becomes d_L, the displacement that the output should make.

    Attributes:
        settings: what the config says, an instance of the record's ``config``.
    """

    def __init__(self, settings: Any = None) -> None:
        super().__init__()
        self.settings = settings

    @abc.abstractmethod
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        """d_L, like ``out``."""


class GradientStep(Output):
    """An output target that is a step down the gradient: d_L = -factor dloss/dh_L (capability ``backprop_units``)."""

    @abc.abstractmethod
    def factor(self, rows: int) -> float:
        """The step, by the gradient of a sample's own loss, on a batch of which this process holds ``rows``."""

    @final
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        """d_L, like ``out``."""
        return -self.factor(out.shape[0]) * loss.gradient(out, y)


@dataclass(frozen=True)
class Batch:
    """One minibatch with what judges it.

    Attributes:
        x: inputs, (batch, *input_shape).
        y: labels, (batch, ...).
        loss: the loss.
        output: the output target.
    """

    x: Tensor
    y: Tensor
    loss: Loss
    output: Output

    def error(self, out: Tensor) -> Tensor:
        """The gradient of every sample's loss at ``out``, like ``out``."""
        return self.loss.gradient(out, self.y)

    def output_displacement(self, out: Tensor) -> Tensor:
        """d_L at ``out``, like ``out``."""
        return self.output.displacement(out, self.y, self.loss)
