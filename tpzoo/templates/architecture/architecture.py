"""Dense layers with skip connections: h_l = h_{l-1} + tanh(W_l h_{l-1} + b_l) between a first and a last layer.

A skip connection lives inside its block: no gradient crosses a block's boundary, and every block gets one target.
"""

import math
from typing import final

from torch import Tensor, nn

from tpzoo import Activity, Block, DataSpec, ModuleBlock, Network
from tpzoo.templates.architecture.plugin import MyEntrySettings


@final
class SkipBlock(Block):
    """One residual layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def run(self, x: Tensor) -> Activity:
        """``x`` has shape (batch, width); what is returned keeps nothing on the module."""
        return Activity(x + self.linear(x).tanh())


def build(settings: MyEntrySettings, spec: DataSpec) -> Network:
    """The network for examples of ``spec``: one block is one unit of credit assignment."""
    features = math.prod(spec.input_shape)
    first = nn.Sequential(nn.Flatten(), nn.Linear(features, settings.width), nn.Tanh())
    blocks: dict[str, Block] = {"first": ModuleBlock(first)}
    for number in range(1, settings.depth + 1):
        blocks[f"skip{number}"] = SkipBlock(settings.width)
    blocks["last"] = ModuleBlock(nn.Linear(settings.width, spec.output_size))
    return Network(blocks, spec.input_shape)
