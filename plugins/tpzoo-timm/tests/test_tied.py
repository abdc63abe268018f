"""The tied path with rule dtp is backpropagation, block by block, at any step size, batch norm in training included."""

from __future__ import annotations

import pytest
import torch
from families import CASES, SIZE, make

from tpzoo import Network
from tpzoo.zoo.feedback.tied import build as tied

STEP_SIZE = 0.3


def error(out: torch.Tensor) -> torch.Tensor:
    """The gradient of some loss for each sample."""
    return out.softmax(-1) - torch.nn.functional.one_hot(torch.arange(len(out)), out.shape[-1])


@pytest.mark.parametrize(("family", "credit"), CASES)
def test_tied_targets_give_backprops_gradient_in_every_block(family: str, credit: str) -> None:
    network = make(family, credit).double().train()
    x = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, expected = network.loss_gradients(x, error)
    found = by_targets(network, x)
    for block in network.blocks:
        names = [name for name in expected if name.startswith(f"{block}.")]
        wanted = torch.cat([expected[name].flatten() for name in names])
        got = torch.cat([found[name].flatten() for name in names]) / STEP_SIZE
        # biases in front of a batch norm have gradient zero: the block as a whole is what is compared
        assert float((got - wanted).norm()) <= 1e-10 * float(wanted.norm()), block


def by_targets(network: Network, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The update of rule dtp: each block's vector-Jacobian product with -d / batch."""
    trace = network.trace(x, update_buffers=False)
    feedback = tied(None, network, lambda *arguments: None)  # type: ignore[arg-type,return-value]
    d = feedback.displacements(trace, -STEP_SIZE * error(trace.output))
    return trace.parameter_gradients({node: -value / len(x) for node, value in d.items()})
