"""From displacements to updates, for every rule that leaves the update to the engine.

The loss of a block is |F(h) - t|^2, mean over the batch, differentiated at d = t - F(h). Papers scale it differently:
half its sum over units (tpzoo's own convention), its sum (fully connected layers of Meulemans et al. 2020), or its mean
over units (their convolutional layers). Plain gradient descent does not care, Adam's epsilon does.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from tpzoo import Rule, Trace
from tpzoo.zoo.rules.cards import UpdateSettings


class LocalUpdates(Rule):
    """A rule whose updates are gradients of local losses, scaled as the settings say."""

    def __init__(self, settings: UpdateSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or UpdateSettings()

    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients of the local losses, by ``block.parameter``."""
        scaled = {node: self._scale(trace[node].block, d) for node, d in displacements.items()}
        return super().gradients(trace, scaled)

    def _scale(self, block: str, d: Tensor) -> Tensor:
        """``d`` times the block's local loss in units of half the sum."""
        reduction = self.settings.local_loss[block]
        if reduction == "half_sum":
            return d
        return (2.0 if reduction == "sum" else 2.0 / d[0].numel()) * d
