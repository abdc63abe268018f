"""The tied path with rule dtp is backpropagation: step_size times its gradient, in every block, at any step size.

If it fails: "target propagation with transposed weights is backpropagation" would not hold here, so that a difference
from backpropagation could come from the engine and not from the feedback.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from tests.support.blocks import NETWORKS, make_batch, make_network
from tests.support.parts import assert_alike, make_feedback, make_objective, use_backend
from tpzoo import Draw, Network, local_gradients
from tpzoo.zoo.rules.dtp import DTP

DRAW = Draw(torch.Generator())


def by_autograd(network: Network, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradient of the mean loss, by torch alone on a copy of the modules."""
    network = copy.deepcopy(network)
    F.cross_entropy(network(x), y).backward()
    return {name: p.grad for name, p in network.blocks.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("step_size", [0.3, 1e-4])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_backpropagation_in_every_block(name: str, step_size: float, backend: str, device: str) -> None:
    network = make_network(name, device)
    feedback = make_feedback(network, "tied")
    use_backend(backend, network, feedback)
    x, y = make_batch(network)
    expected = by_autograd(network, x, y)
    batch, trace = make_objective(x, y, step_size), network.trace(x)
    found = local_gradients(trace, DTP().displacements(trace, feedback, batch, DRAW))
    assert_alike(found, {key: step_size * value for key, value in expected.items()}, 1e-12)


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("name", NETWORKS)
def test_end_to_end_backpropagation_of_the_engine(name: str, backend: str, device: str) -> None:
    network = make_network(name, device)
    use_backend(backend, network)
    x, y = make_batch(network)
    expected = by_autograd(network, x, y)
    out, found = network.loss_gradients(x, make_objective(x, y).error)
    torch.testing.assert_close(out, network.trace(x).output, rtol=1e-12, atol=1e-14)
    assert_alike(found, expected, 1e-12)


def test_a_wrong_sign_below_the_top_would_be_seen(device: str) -> None:
    """The comparison above can fail: displacements with one sign flipped give another gradient."""
    network = make_network("mlp", device)
    x, y = make_batch(network)
    trace = network.trace(x)
    found = DTP().displacements(trace, make_feedback(network, "tied"), make_objective(x, y), DRAW)
    found["fc2"] = -found["fc2"]
    with pytest.raises(AssertionError):
        assert_alike(local_gradients(trace, found), by_autograd(network, x, y), 1e-12)
