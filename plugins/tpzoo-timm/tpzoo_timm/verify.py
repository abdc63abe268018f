"""Compare a cut model with the original, in evaluation and in training mode."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.dropout import _DropoutNd

from tpzoo import Network
from tpzoo_timm.create import mode
from tpzoo_timm.cut import CutError

TOLERANCE = 1e-6


def verify(model: nn.Module, network: Network, sample: Tensor) -> None:
    """Check that both compute the same and that no block changes what it was given.

    Args:
        sample: (batch, channels, height, width); norms over the batch need at least two samples.

    Raises:
        CutError: they differ, relative to the largest output, by more than 1e-6, or the model is random in training.
    """
    for training in (False, True):
        with mode(model, training), mode(network, training), torch.no_grad():
            expected, again, found = (run(each, sample) for each in (model, model, network))
        where = "in training mode" if training else "in evaluation mode"
        if not torch.isfinite(expected).all():
            raise CutError(f"its output is not finite {where}")
        if difference(again, expected) > TOLERANCE:
            raise CutError(f"two runs differ {where}: it has a random part, such as dropout, that is not switched off")
        if difference(found, expected) > TOLERANCE:
            raise CutError(f"its blocks compute something else than the model {where}")
    _check_purity(network, sample)


def check_still(model: nn.Module) -> None:
    """Raise a CutError if a layer drops values at random; a comparison of outputs may be too coarse to see it."""
    for name, module in model.named_modules():
        rate = getattr(module, "drop_prob", None) or (isinstance(module, _DropoutNd) and module.p) or 0.0
        if rate:
            raise CutError(f"its layer '{name}' drops values at random in training (rate {rate})")


def run(module: nn.Module, x: Tensor) -> Tensor:
    """The output on copies of the buffers, so that no running statistic moves."""
    out = functional_call(module, {name: buffer.clone() for name, buffer in module.named_buffers()}, (x,))
    if not isinstance(out, Tensor):
        raise CutError(f"it returns {type(out).__name__}, not one tensor")
    return out


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected value; infinite for other shapes."""
    if found.shape != expected.shape:
        return float("inf")
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def _check_purity(network: Network, x: Tensor) -> None:
    with mode(network, False), torch.no_grad():
        for node in network.nodes:
            given = x.clone()
            x = network.block_of(node)(given)
            if given._version:
                raise CutError(f"block '{node.name}' changes its input in place")
