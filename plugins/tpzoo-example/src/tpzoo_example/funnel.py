"""h_l = tanh(W_l h_{l-1} + b_l) with fewer units in every block, and a linear last block."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor, nn

from tpzoo import Activity, Block, DataSpec, Network, SplitBlock
from tpzoo_example.plugin import FunnelSettings


@final
class FunnelBlock(SplitBlock):
    """One layer: what gets one target, and one local update."""

    def __init__(self, inputs: int, outputs: int, bounded: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.bounded = bounded

    def run(self, x: Tensor) -> Activity:
        """``x`` is (batch, ...); inputs of any shape are flattened."""
        return self.activate(self.linear(x.flatten(1)))

    def activate(self, pre: Tensor) -> Activity:
        """What follows the linear map: the capability ``pre_activation`` promises this split."""
        return Activity(pre.tanh() if self.bounded else pre, pre)


def build(settings: FunnelSettings, spec: DataSpec) -> Network:
    """The network for examples of ``spec``; every block has a name without dots."""
    hidden = [max(1, round(settings.width * settings.shrink**i)) for i in range(settings.depth)]
    widths = [math.prod(spec.input_shape), *hidden, spec.output_size]
    last = len(widths) - 2
    blocks: dict[str, Block] = {
        f"level{i + 1}": FunnelBlock(widths[i], widths[i + 1], bounded=i < last) for i in range(len(widths) - 1)
    }
    return Network(blocks, spec.input_shape)
