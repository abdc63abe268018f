"""The twins of pooling layers.

Max-pool: every value goes back to the cell that won, by the indices of the pass at hand. Where windows overlap, one
cell may have won twice: as published the last value overwrites the others (Ernoult et al. 2022, about a third of
LeNet's cells); the true adjoint adds them. Average pools: the value is spread, undivided, over the cells that were
averaged, as published.
"""

from __future__ import annotations

import abc
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import LinearTwin, MaxPool, Scatters, Side, TwinEnds, TwinLayer


class Unpool(LinearTwin):
    """(batch, channels, h, w) -> (batch, channels, H, W); linear for given indices, and without weights."""

    def __init__(self, shape_in: tuple[int, ...]) -> None:
        super().__init__()
        self.size = shape_in[1:]

    @abc.abstractmethod
    def fill(self, empty: Tensor, places: Tensor, values: Tensor) -> Tensor:
        """``empty`` (batch, channels, H W) with ``values`` at ``places``, both (batch, channels, h w)."""

    def forward(self, v: Tensor, side: Side) -> Tensor:
        places = side["indices"].flatten(2)
        empty = v.new_zeros(*v.shape[:2], self.size[0] * self.size[1])
        return self.fill(empty, places, v.flatten(2)).view(*v.shape[:2], *self.size)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


@final
class OverwritingUnpool(Unpool, Scatters):
    """Where two windows share their maximum, the last value stays."""

    def fill(self, empty: Tensor, places: Tensor, values: Tensor) -> Tensor:
        return empty.scatter(2, places, values)


@final
class AdjointUnpool(Unpool):
    """Where two windows share their maximum, values add; a sum does not commute with an activation."""

    def fill(self, empty: Tensor, places: Tensor, values: Tensor) -> Tensor:
        return empty.scatter_add(2, places, values)


@final
class Spread(LinearTwin):
    """(batch, channels, h, w) -> (batch, channels, H, W) by adaptive averaging upwards: cells repeat."""

    def __init__(self, shape_in: tuple[int, ...]) -> None:
        super().__init__()
        self.size = shape_in[1:]

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return F.adaptive_avg_pool2d(v, (self.size[0], self.size[1]))

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


def unpool(layer: MaxPool, ends: TwinEnds) -> TwinLayer:
    """The twin of a max-pool; the map's setting ``unpool`` chooses between ``overwrite`` and ``adjoint``."""
    adjoint = getattr(ends.options, "unpool", "overwrite") == "adjoint"
    return AdjointUnpool(ends.shape_in) if adjoint else OverwritingUnpool(ends.shape_in)


def spread(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of an average pool, adaptive or not."""
    return Spread(ends.shape_in)


@final
class HeldMaxPool(TwinLayer):
    """A max-pool of torch, which keeps no winners: those of the clean pass are found again, and values add there."""

    holds = True

    def __init__(self, layer: nn.MaxPool2d) -> None:
        super().__init__()
        self._layer = (layer,)

    def hold(self, x: Tensor) -> dict[str, Any]:
        layer = self._layer[0]
        geometry = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode)
        _, places = F.max_pool2d(x, *geometry, return_indices=True)
        return {"places": places, "size": x.shape[2:]}

    def forward(self, v: Tensor, side: Side) -> Tensor:
        held: Any = side
        height, width = held["size"]
        empty = v.new_zeros(*v.shape[:2], height * width)
        return empty.scatter_add(2, held["places"].flatten(2), v.flatten(2)).view(*v.shape[:2], height, width)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


def held(layer: nn.MaxPool2d, ends: TwinEnds) -> TwinLayer:
    """The twin of a max-pool that records nothing."""
    return HeldMaxPool(layer)
