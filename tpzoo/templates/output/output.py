"""A step down the gradient g of each sample's own loss, no longer than a length: d_L = -g min(1, length / |g|)."""

from typing import final

from torch import Tensor

from tpzoo import Loss, Output


@final
class MyEntryOutput(Output):
    """A clipped step."""

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        """d_L, like ``out`` (batch, ...), from the gradient of every sample's own loss."""
        gradient = loss.gradient(out, y)
        norm = gradient.flatten(1).norm(dim=1).clamp_min(self.settings.length)  # (batch,)
        return -gradient * (self.settings.length / norm).view(-1, *[1] * (gradient.dim() - 1))
