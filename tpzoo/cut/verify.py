"""Cut and original are compared: outputs, gradients and running statistics, in evaluation and in training mode.

Both run under one seed. A cut runs the operations of the original in their order, so that what draws (dropout) sees the
same numbers in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tpzoo.cut.errors import CutError, line_of_error, reason
from tpzoo.cut.graph import InOrder
from tpzoo.cut.modes import in_mode
from tpzoo.engine.network import Network

TOLERANCE = 1e-5
"""Of the largest value; cut and original round alike but where a fused kernel takes another way."""


@dataclass(frozen=True)
class Observed:
    """What a module does in one pass: tensors by what to call them."""

    out: Tensor
    gradients: Mapping[int, Tensor]
    buffers: Mapping[int, Tensor]


def verify(model: nn.Module, network: Network, example: Tensor) -> None:
    """Check that both compute the same and that no block changes what it was given.

    Args:
        example: (batch, ...); norms over the batch need at least two samples.

    Raises:
        CutError: they differ, or two runs of the module itself do under one seed.
    """
    blocks = InOrder(network)
    names = {id(value): name for name, value in [*model.named_parameters(), *model.named_buffers()]}
    for training in (False, True):
        where = "in training mode" if training else "in evaluation mode"
        with in_mode(model, training), in_mode(network, training):
            expected, again = _observe(model, example, where), _observe(model, example, where, gradients=False)
            found = _observe(blocks, example, where)
        if not torch.isfinite(expected.out).all():
            raise CutError(f"its output is not finite {where}")
        for other, what in ((again, "two runs of it differ"), (found, "its blocks differ from it")):
            if problem := _difference(other, expected, names, gradients=other is found):
                hint = "its draws must come from torch's global generators" if other is again else ""
                raise CutError(f"{what} {where}, in {problem}", hint)
    _check_purity(network, example)


def _observe(module: nn.Module, x: Tensor, where: str, gradients: bool = True) -> Observed:
    """What the module does on copies of its buffers, so that no running statistic moves."""
    own = dict(module.named_buffers())
    buffers = {name: buffer.clone() for name, buffer in own.items()}
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        try:
            out = functional_call(module, buffers, (x,))
            if not isinstance(out, Tensor):
                raise CutError(f"it returns {type(out).__name__}, not one tensor")
            derived = _gradients(out, list(parameters.values())) if gradients else {}
        except CutError:
            raise
        except Exception as error:  # a stranger's code can raise anything
            line = line_of_error(error)
            raise CutError(f"it does not run {where}: {reason(error)}{f' ({line})' if line else ''}") from error
    return Observed(out.detach(), derived, {id(own[name]): value for name, value in buffers.items()})


def _gradients(out: Tensor, parameters: list[Tensor]) -> dict[int, Tensor]:
    """The gradient of a weighted sum of the outputs, by parameter."""
    if not parameters or not out.requires_grad:
        return {}
    weights = torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype, device=out.device).view_as(out)
    found = torch.autograd.grad((out * weights).sum(), parameters, allow_unused=True, materialize_grads=True)
    return {id(p): each for p, each in zip(parameters, found, strict=True)}


def _difference(found: Observed, expected: Observed, names: Mapping[int, str], gradients: bool) -> str:
    """What of ``found`` is not as expected; empty if all is."""
    if _distance(found.out, expected.out) > TOLERANCE:
        return "the output"
    # a parameter that no block holds was never used
    scale = max((float(each.abs().max()) for each in expected.gradients.values() if each.numel()), default=0.0)
    for key, value in expected.gradients.items() if gradients else ():
        other = found.gradients.get(key, torch.zeros_like(value))
        if value.numel() and float((other - value).abs().max()) > TOLERANCE * max(scale, 1e-30):
            return f"the gradient of '{names.get(key, '?')}'"
    for key, value in expected.buffers.items():
        if key in found.buffers and _distance(found.buffers[key], value) > TOLERANCE:
            return f"the buffer '{names.get(key, '?')}'"
    return ""


def _distance(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected value; infinite for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    if not expected.numel():
        return 0.0
    found, expected = found.double(), expected.double()
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def _check_purity(network: Network, x: Tensor) -> None:
    with in_mode(network, False), torch.no_grad():
        for node in network.nodes:
            given = x.clone()
            x = network.block_of(node)(given)
            if given._version:
                raise CutError(f"block '{node.name}' changes its input in place", "write x = x + y in place of x += y")
