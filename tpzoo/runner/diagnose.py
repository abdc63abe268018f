"""Where numbers stopped being finite."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.engine.network import Network


@torch.no_grad()
def name_the_culprit(network: Network, x: Tensor) -> str:
    """The first block, in forward order, whose weights or whose output on ``x`` (batch, ...) are not finite."""
    for name, block in network.blocks.items():
        broken = [key for key, p in block.named_parameters() if not bool(p.isfinite().all())]
        if broken:
            return f"block '{name}' has weights that are not finite ({', '.join(broken)})"
    trace = network.trace(x, update_buffers=False, graph=False)
    for name, made in trace.passes.items():
        if not bool(made.out.isfinite().all()):
            return f"the output of block '{name}' is not finite"
    return "all blocks are finite on this batch; the data may hold values that are not"
