"""The gradient of every block's own loss of its squared displacement.

The loss of a block is |F(h) - t|^2, mean over the batch, differentiated at d = t - F(h). Papers scale it differently:
half its sum over units (tpzoo's own convention), its sum (fully connected layers of Meulemans et al. 2020), or its mean
over units (their convolutional layers). Plain gradient descent does not care, Adam's epsilon does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from torch import Tensor

from tpzoo import ScaledGradient, Trace
from tpzoo.zoo.updates.plugin import GradientSettings


@final
class Gradient(ScaledGradient):
    """The local gradients, scaled as the settings say."""

    def __init__(self, settings: GradientSettings) -> None:
        super().__init__(settings)
        self._local_loss = settings.local_loss

    def losses(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss of every node's block, a scalar: |d|^2 over units as the settings say, mean over the batch."""
        return {
            node: 0.5 * (self.scaled(trace, node, d) * d).flatten(1).sum(1).mean() for node, d in displacements.items()
        }

    def factor(self, block: str, units: int) -> float:
        return {"half_sum": 1.0, "sum": 2.0, "mean": 2.0 / units}[self._local_loss[block]]
