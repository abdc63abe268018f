"""Where numbers stopped being finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Network
from tpzoo.engine.optimise import WeightStepper


@torch.no_grad()
def broken_weights(network: Network, feedback: Feedback) -> str:
    """A sentence about the first block, else the first edge, whose weights are not finite; empty if all are.

    Running statistics count as weights. Reads the device once where all is well.
    """
    if _all_finite([value for module in (network.blocks, feedback.maps) for value in _values(module).values()]):
        return ""
    return _first("block '{}'", network.blocks) or _first("the feedback map of edge '{}'", feedback.maps)


@torch.no_grad()
def broken_moments(stepper: WeightStepper, place: str) -> str:
    """A sentence about the first weight of which the optimiser keeps a number that is not finite; empty if all are.

    Args:
        place: what a member is, with ``{}`` for its name.
    """
    kept = stepper.moments()
    if _all_finite([value for of_one in kept.values() for value in of_one.values()]):
        return ""
    name, key = next(
        (name, key)
        for name, of_one in kept.items()
        for key, value in of_one.items()
        if not bool(value.isfinite().all())
    )
    member, _, parameter = name.partition(".")
    return f"the optimiser's {key} of {parameter} in {place.format(member)} is not finite"


@torch.no_grad()
def name_the_culprit(network: Network, feedback: Feedback, x: Tensor) -> str:
    """Where numbers stop being finite: in the weights, or else in the output of a block on ``x`` (batch, ...)."""
    if found := broken_weights(network, feedback):
        return found
    trace = network.trace(x, update_buffers=False, graph=False)
    for name, made in trace.passes.items():
        if not bool(made.out.isfinite().all()):
            return f"the output of block '{name}' is not finite"
    last, largest = network.nodes[-1].block, float(trace.output.abs().max())
    return f"the outputs of block '{last}' are still numbers, up to {largest:.1e}, but their loss is not"


def _all_finite(values: Sequence[Tensor]) -> bool:
    return not values or bool(torch.stack([value.isfinite().all() for value in values]).all())


def _values(module: nn.Module) -> dict[str, Tensor]:
    """Weights and running statistics by name."""
    found = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: value for name, value in found.items() if value.is_floating_point()}


def _first(place: str, members: Mapping[str, nn.Module] | nn.ModuleDict) -> str:
    for name, module in members.items():
        broken = [key for key, value in _values(module).items() if not bool(value.isfinite().all())]
        if broken:
            return f"{place.format(name)} has weights that are not finite ({', '.join(broken)})"
    return ""
