"""The output should go all the way to the least loss: the one-hot label (Bartunov et al. 2018, SDTP)."""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Loss, MinimisableLoss, Output, SettingError


@final
class Argmin(Output):
    """d_L = minimiser - h_L.

    Raises:
        SettingError: the loss has no minimiser.
    """

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        if not isinstance(loss, MinimisableLoss):
            raise SettingError(f"{type(loss).__name__} has no minimiser to aim at", "use output=gradient")
        return loss.minimiser(out, y) - out
