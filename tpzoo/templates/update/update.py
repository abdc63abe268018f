"""Local gradients of short displacements: d' = min(1, limit |h| / |d|) d, for every sample and block.

h is the output of the block, d its displacement, and |.| the norm over all units.
"""

from collections.abc import Mapping
from typing import final

from torch import Tensor

from tpzoo import SingleStep, Trace, local_gradients


@final
class MyEntryUpdate(SingleStep):
    """One gradient for each batch; an update that steps more than once derives from ``Update`` instead."""

    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By ``block.parameter``, with the sign of a gradient; no gradient crosses a block boundary."""
        return local_gradients(trace, {node: self._shortened(d, trace[node].out) for node, d in displacements.items()})

    def _shortened(self, d: Tensor, h: Tensor) -> Tensor:
        longest = self.settings.limit * h.flatten(1).norm(dim=1)
        factor = (longest / d.flatten(1).norm(dim=1)).nan_to_num(1.0).clamp(max=1.0)  # 0 / 0: nothing to cut
        return factor.view(-1, *[1] * (d.ndim - 1)) * d
