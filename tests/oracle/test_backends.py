"""The two ways of differentiating give the same numbers, and both give those of torch.func.jacrev.

If it fails: vmap and seed batches, or whatever else needs the functional way, would train with other gradients than
the plain way: results would depend on how the code runs, not on the method.
"""

from __future__ import annotations

import pytest
import torch

from tests.support.blocks import NETWORKS, make_batch, make_network
from tests.support.parts import LEARNERS, PATHS, assert_alike, make_feedback, make_objective, relative, use_backend
from tpzoo import Draw, local_gradients
from tpzoo.zoo.rules.dtp import DTP

TOLERANCE = 1e-12
BACKENDS = ["autograd", "functional"]


@pytest.mark.parametrize("path", [*PATHS, "tied"])
@pytest.mark.parametrize("name", NETWORKS)
def test_displacements_and_local_updates(name: str, path: str, device: str) -> None:
    found = []
    for backend in BACKENDS:
        network = make_network(name, device)
        feedback = make_feedback(network, path)
        use_backend(backend, network, feedback)
        x, y = make_batch(network)
        trace, rule = network.trace(x), DTP()
        d = rule.displacements(trace, feedback, make_objective(x, y), Draw(torch.Generator()))
        found.append((d, local_gradients(trace, d), dict(network.named_buffers())))
    for ours, theirs in zip(*found, strict=True):
        assert_alike(ours, theirs, TOLERANCE)


@pytest.mark.parametrize("learner", ["reconstruction", "drl"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_learner_gradients(name: str, path: str, learner: str, device: str) -> None:
    found = []
    for backend in BACKENDS:
        network = make_network(name, device)
        feedback = make_feedback(network, path)
        use_backend(backend, network, feedback)
        trace, made = network.trace(make_batch(network)[0]), LEARNERS[learner]()
        draw = Draw(torch.Generator(device).manual_seed(0))
        noises = [made.noise(edge, trace, draw) for edge in feedback.edges]
        found.append(made.gradients(feedback.edges, trace, feedback, noises))
    for ours, theirs in zip(*found, strict=True):
        assert_alike(ours, theirs, TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_gradients(name: str, device: str) -> None:
    found = []
    for backend in BACKENDS:
        network = make_network(name, device)
        use_backend(backend, network)
        x, y = make_batch(network)
        out, gradients = network.loss_gradients(x, make_objective(x, y).error, update_buffers=True)
        found.append(({"out": out}, gradients, dict(network.named_buffers())))
    for ours, theirs in zip(*found, strict=True):
        assert_alike(ours, theirs, TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["mlp", "pooled", "residual"])
def test_batched_products_with_unit_vectors_are_the_jacobians(name: str, backend: str, device: str) -> None:
    """Row k of every sample's Jacobian comes from the k-th unit vector; jacrev takes one sample at a time."""
    network = make_network(name, device)
    use_backend(backend, network)
    trace = network.trace(make_batch(network, 3)[0])
    for node in network.nodes:
        made, block = trace[node.name], network.block_of(node)
        size = made.out[0].numel()
        units = torch.eye(size, dtype=torch.float64, device=device).view(size, 1, *made.out.shape[1:])
        found = made.vjp_batched(units.expand(size, *made.out.shape).contiguous())
        for sample in range(3):
            jacobian = torch.func.jacrev(lambda h, block=block: block(h.unsqueeze(0))[0])(made.input[sample])
            expected = jacobian.reshape(size, *made.input.shape[1:])
            assert relative(found[:, sample], expected) < TOLERANCE
        torch.testing.assert_close(made.vjp(units[0].expand_as(made.out)), found[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "node"), [("mlp", "fc2"), ("mlp", "head"), ("pooled", "conv1"), ("pooled", "conv2")])
def test_a_product_that_stops_at_the_pre_activation(name: str, node: str, backend: str, device: str) -> None:
    """Through pool and activation only: then one more product, with the linear map, gives the whole one."""
    network = make_network(name, device)
    use_backend(backend, network)
    trace = network.trace(make_batch(network)[0])
    made, block = trace[node], network.blocks[node]
    assert made.pre is not None
    cotangent = torch.randn(made.out.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(device)
    found = made.vjp(cotangent, at="pre")
    expected = torch.func.vjp(lambda pre: block.activate(pre).out, made.pre)[1](cotangent)[0]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)
    if name == "mlp":
        slope = {"fc2": 1 - made.pre.tanh() ** 2, "head": torch.ones_like(made.pre)}[node]
        torch.testing.assert_close(found, slope * cotangent, rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(made.vjp(cotangent), found @ block.linear.weight.detach(), rtol=1e-12, atol=1e-15)
    several = made.vjp_batched(torch.stack([cotangent, -2 * cotangent]), at="pre")
    torch.testing.assert_close(several, torch.stack([found, -2 * found]), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_block_without_a_pre_activation_says_so(backend: str, device: str) -> None:
    network = make_network("normed", device)
    use_backend(backend, network)
    made = network.trace(make_batch(network)[0])["conv1"]
    with pytest.raises(TypeError, match="pre_activation"):
        made.vjp(made.out, at="pre")
