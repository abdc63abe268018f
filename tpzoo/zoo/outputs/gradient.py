"""The output should move down the gradient of each sample's own loss: d_L = -step_size dloss/dh_L.

The gradient is sum-reduced: it does not contain 1 / batch. Meulemans et al.'s eta multiplies the gradient of the mean,
so their eta is step_size times the batch size.
"""

from __future__ import annotations

from torch import Tensor

from tpzoo import Loss, Output
from tpzoo.zoo.outputs.cards import GradientSettings


class Gradient(Output):
    """A fixed step size."""

    def __init__(self, settings: GradientSettings) -> None:
        super().__init__()
        self.settings = settings

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return -self.settings.step_size * loss.gradient(out, y)
