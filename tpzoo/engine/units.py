"""The factor between a rule's gradients and those of backpropagation.

With feedback that is the exact derivative, the gradient of a block is c times that of backpropagation. c is the step
size of the output target (divided by the batch's size where it steps down the mean loss) times the scale of the block's
local loss: 1 for half the sum of squares, 2 for the sum, 2 / units for the mean. Clipping, weight decay and an
optimiser's epsilon meet the gradient itself: divided by c they mean what they mean for backpropagation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from tpzoo.engine.objective import GradientStep
from tpzoo.engine.update import ScaledGradient


@dataclass(frozen=True)
class GradientUnits:
    """What divides the gradients of each block by its c.

    Attributes:
        output, update: what c is made of.
        sizes: by block the units of a sample of its output.
    """

    output: GradientStep
    update: ScaledGradient
    sizes: Mapping[str, int]

    def factor(self, block: str, rows: int) -> float:
        """c of a block, on a batch of which this process holds ``rows``."""
        return self.output.factor(rows) * self.update.factor(block, self.sizes[block])

    def divide(self, gradients: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
        """``gradients`` by ``block.parameter``, in the units of backpropagation."""
        factors = {block: self.factor(block, rows) for block in self.sizes}
        return {name: value / factors[name.split(".", 1)[0]] for name, value in gradients.items()}
