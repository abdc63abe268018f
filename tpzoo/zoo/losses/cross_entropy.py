"""Softmax and cross-entropy: the output is the logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo import DataSpec, Loss
from tpzoo.errors import CompatibilityError


def one_hot(y: Tensor, out: Tensor) -> Tensor:
    """Class labels (batch,) as rows like ``out`` (batch, classes); unlike ``F.one_hot`` without reading the labels."""
    return (y.unsqueeze(-1) == torch.arange(out.shape[-1], device=out.device)).to(out.dtype)


class CrossEntropy(Loss):
    """-log softmax(out)[y] for labels y of integers."""

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out, y, reduction="none")

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        """softmax(out) - one_hot(y)."""
        return out.softmax(-1) - one_hot(y, out)

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        """The one-hot label. The loss itself has no finite minimiser; this is the one of the literature."""
        return one_hot(y, out)

    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        return out.argmax(-1) == y


def build(settings: None, spec: DataSpec) -> Loss:
    """The loss.

    Raises:
        CompatibilityError: the data have no classes.
    """
    if spec.task != "classification":
        raise CompatibilityError("loss 'cross_entropy' needs classes and this data set is regression", "use loss 'mse'")
    return CrossEntropy()
