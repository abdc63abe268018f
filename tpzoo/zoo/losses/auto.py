"""The usual loss for a data set's task."""

from __future__ import annotations

from tpzoo import DataSpec, Loss
from tpzoo.zoo.losses import mse
from tpzoo.zoo.losses.cross_entropy import CrossEntropy


def build(settings: object, spec: DataSpec) -> Loss:
    """Cross-entropy for classification, mean squared error for regression."""
    return CrossEntropy() if spec.task == "classification" else mse.build(settings, spec)
