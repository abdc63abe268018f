"""The usual loss for a data set's task."""

from __future__ import annotations

from tpzoo import DataSpec, Loss
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.losses.mse import MeanSquaredError


def build(settings: None, spec: DataSpec) -> Loss:
    """Cross-entropy for classification, mean squared error for regression."""
    return CrossEntropy() if spec.task == "classification" else MeanSquaredError()
