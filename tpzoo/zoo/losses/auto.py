"""The usual loss for a data set's task."""

from __future__ import annotations

from tpzoo import DataSpec, Loss
from tpzoo.zoo.losses import cross_entropy, mse
from tpzoo.zoo.losses.plugin import ClassLossSettings


def build(settings: ClassLossSettings, spec: DataSpec) -> Loss:
    """Cross-entropy for classification, mean squared error for regression."""
    return (cross_entropy if spec.task == "classification" else mse).build(settings, spec)
