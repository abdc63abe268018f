"""Where numbers stopped being finite."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Network


@torch.no_grad()
def broken_weights(network: Network, feedback: Feedback) -> str:
    """A sentence about the first block, else the first edge, whose weights are not finite; empty if all are.

    Reads the device once where all is well.
    """
    weights = [p for module in (network.blocks, feedback.maps) for p in module.parameters()]
    if not weights or bool(torch.stack([p.isfinite().all() for p in weights]).all()):
        return ""
    return _first("block '{}'", network.blocks) or _first("the feedback map of edge '{}'", feedback.maps)


@torch.no_grad()
def name_the_culprit(network: Network, feedback: Feedback, x: Tensor) -> str:
    """Where numbers stop being finite: in the weights, or else in the output of a block on ``x`` (batch, ...)."""
    if found := broken_weights(network, feedback):
        return found
    trace = network.trace(x, update_buffers=False, graph=False)
    for name, made in trace.passes.items():
        if not bool(made.out.isfinite().all()):
            return f"the output of block '{name}' is not finite"
    return "all blocks are finite on this batch; the data may hold values that are not"


def _first(place: str, members: Mapping[str, nn.Module] | nn.ModuleDict) -> str:
    for name, module in members.items():
        broken = [key for key, p in module.named_parameters() if not bool(p.isfinite().all())]
        if broken:
            return f"{place.format(name)} has weights that are not finite ({', '.join(broken)})"
    return ""
