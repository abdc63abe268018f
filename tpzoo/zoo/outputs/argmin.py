"""The output should go all the way to the least loss: the one-hot label (Bartunov et al. 2018, SDTP)."""

from __future__ import annotations

from torch import Tensor

from tpzoo import Loss, Output


class Argmin(Output):
    """d_L = minimiser - h_L."""

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return loss.minimiser(out, y) - out
