"""Squared error, mean over the outputs of a sample."""

from __future__ import annotations

import abc
from typing import final

from torch import Tensor

from tpzoo import ClassLoss, DataSpec, Loss, MinimisableLoss, classes_of, one_hot
from tpzoo.zoo.losses.plugin import ClassLossSettings
from tpzoo.zoo.losses.weighted import weighted


class SquaredError(MinimisableLoss):
    """1/n sum_i (out_i - t_i)^2, where t is what the labels stand for: the minimiser."""

    @abc.abstractmethod
    def minimiser(self, out: Tensor, y: Tensor) -> Tensor: ...

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return (out - self.minimiser(out, y)).flatten(1).square().mean(1)

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        """2 (out - t) / n."""
        return 2 * (out - self.minimiser(out, y)) / out[0].numel()


@final
class MeanSquaredError(SquaredError):
    """For a regression: t = y."""

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        return y.view_as(out).to(out.dtype)


@final
class ClassSquaredError(SquaredError, ClassLoss):
    """For classes: t is the one-hot vector of the label y."""

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        return one_hot(y, out)

    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        return out.argmax(-1) == classes_of(y)


def build(settings: ClassLossSettings, spec: DataSpec) -> Loss:
    """The loss for the data's task, with class weights if the settings ask for them.

    Raises:
        SettingError: the class weights do not fit the data.
    """
    return weighted(ClassSquaredError() if spec.task == "classification" else MeanSquaredError(), settings, spec)
