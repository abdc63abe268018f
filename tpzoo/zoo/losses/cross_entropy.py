"""Softmax and cross-entropy: the output is the logits."""

from __future__ import annotations

from typing import final

from torch import Tensor
from torch.nn import functional as F

from tpzoo import ClassLoss, DataSpec, Loss, MinimisableLoss, classes_of, one_hot
from tpzoo.errors import CompatibilityError
from tpzoo.zoo.losses.plugin import ClassLossSettings
from tpzoo.zoo.losses.weighted import weighted


@final
class CrossEntropy(MinimisableLoss, ClassLoss):
    """-log softmax(out)[y] for labels y of integers; -sum_c y_c log softmax(out)_c for soft labels."""

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out, y.to(out.dtype) if y.is_floating_point() else y, reduction="none")

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        """softmax(out) - one_hot(y)."""
        return out.softmax(-1) - one_hot(y, out)

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The one-hot label. The loss itself has no finite minimiser; this is the one of the literature."""
        return one_hot(y, out)

    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        return out.argmax(-1) == classes_of(y)


def build(settings: ClassLossSettings, spec: DataSpec) -> Loss:
    """The loss, with class weights if the settings ask for them.

    Raises:
        SettingError: the class weights do not fit the data.
        CompatibilityError: the data have no classes.
    """
    if spec.task != "classification":
        raise CompatibilityError("loss 'cross_entropy' needs classes and this data set is regression", "use loss 'mse'")
    return weighted(CrossEntropy(), settings, spec)
