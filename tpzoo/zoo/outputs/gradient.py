"""The output should move down the gradient of each sample's own loss: d_L = -step_size dloss/dh_L.

By default the gradient does not contain 1 / batch. Meulemans et al. 2020 step down the gradient of the mean loss
(``reduction: mean``): every displacement, and so every update, is then smaller by the number of rows that
this process holds of the batch.
"""

from __future__ import annotations

from typing import final

from tpzoo import GradientStep
from tpzoo.zoo.outputs.plugin import GradientSettings


@final
class Gradient(GradientStep):
    """A fixed step size."""

    settings: GradientSettings

    def factor(self, rows: int) -> float:
        return self.settings.step_size / (rows if self.settings.reduction == "mean" else 1)
