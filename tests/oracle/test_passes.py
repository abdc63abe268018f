"""Passes through the network: stacked ones equal single ones, and only a training pass moves a buffer.

If it fails: noise passes of the feedback would move the statistics of batch norm, or stacked passes would mix up
samples: training the feedback would change the network that it is to invert.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.support.blocks import NETWORKS, Layer, make_batch, make_network
from tests.support.parts import assert_alike, make_objective, use_backend
from tpzoo import ModuleBlock, Network, Node
from tpzoo.assembly.maker import seeded

BACKENDS = ["autograd", "functional"]


def shared_norm(device: str) -> Network:
    """Two nodes use one block with batch norm."""
    with seeded(0, "test"):
        cell = ModuleBlock(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh()))
        blocks = {"cell": cell, "head": Layer(4, 3, "linear")}
    nodes = [Node("first", "cell"), Node("second", "cell"), Node("head", "head")]
    return Network(blocks, (4,), nodes).double().to(device)


def buffers(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.named_buffers()}


def same(network: Network, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in network.named_buffers())


@pytest.mark.parametrize("upto", ["output", "-2"])
@pytest.mark.parametrize("name", NETWORKS)
def test_stacked_passes_equal_single_ones(name: str, upto: str, device: str) -> None:
    """Different numbers of rows, starts in no order, two starts at one node."""
    network = make_network(name, device)
    last = len(network.nodes) - (1 if upto == "output" else 2)
    upto = upto if upto == "output" else network.nodes[last].name
    trace = network.trace(make_batch(network)[0])
    places = ["input", *(node.name for node in network.nodes[:last])]
    starts = []
    for i, place in enumerate([*places[::-1], places[-1]]):
        clean = trace.input if place == "input" else trace[place].out
        starts.append((clean[: 3 + i % 2] * (1 + 0.1 * i), place))
    for found, (h, after) in zip(network.push_together(starts, upto), starts, strict=True):
        expected = network.push(h, after, upto)
        assert found.name == expected.name
        for value, reference in ((found.out, expected.out), (found.input, expected.input), (found.pre, expected.pre)):
            assert (value is None) == (reference is None)
            if value is not None and reference is not None:
                torch.testing.assert_close(value, reference, rtol=1e-12, atol=1e-14)
        assert found.aux.keys() == expected.aux.keys()
        assert all(torch.equal(found.aux[key], expected.aux[key]) for key in expected.aux)


@pytest.mark.parametrize("name", NETWORKS)
def test_pushing_is_running_the_blocks(name: str, device: str) -> None:
    network = make_network(name, device)
    x, _ = make_batch(network)
    expected = copy.deepcopy(network)(x)
    torch.testing.assert_close(network.push(x, "input", "output").out, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(network.trace(x).output, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_only_a_training_pass_moves_buffers(name: str, backend: str, device: str) -> None:
    network = make_network(name, device)
    use_backend(backend, network)
    x, y = make_batch(network)
    before, batch = buffers(network), make_objective(x, y)
    trace = network.trace(x, update_buffers=False)
    network.trace(x, update_buffers=False, graph=False)
    network.push(x, "input", "output")
    network.push_together([(x, "input"), (trace[network.nodes[0].name].out, network.nodes[0].name)], "output")
    for node in network.nodes:
        made = network.run_at(node.name, trace[node.name].input)
        made.vjp(made.out)
        made.parameter_gradients(made.out)
    network.loss_gradients(x, batch.error)
    assert network.shapes
    assert network.training
    assert same(network, before)
    network.eval()
    network.trace(x)
    assert same(network, before)
    network.train()
    network.trace(x)
    assert same(network, before) == (not before)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", [lambda device: make_network("normed", device), shared_norm], ids=["normed", "shared"])
def test_training_passes_move_buffers_as_torch_does(make, backend: str, device: str) -> None:  # type: ignore[no-untyped-def]
    """Both kinds of training pass; nodes that share a norm move its statistics in turn."""
    reference = make(device)
    x, y = make_batch(reference)
    start = buffers(reference)
    reference(x)
    assert not same(reference, start)
    traced, descended = make(device), make(device)
    for network in (traced, descended):
        use_backend(backend, network)
    traced.trace(x)
    descended.loss_gradients(x, make_objective(x, y).error, update_buffers=True)
    for network in (traced, descended):
        assert_alike(buffers(network), buffers(reference), 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", [lambda device: make_network("shared", device), shared_norm], ids=["shared", "norm"])
def test_gradients_of_shared_weights_are_counted_once_per_node(make, backend: str, device: str) -> None:  # type: ignore[no-untyped-def]
    """The whole call equals the sum of the nodes' own gradients, each from a pass through that node alone."""
    network = make(device)
    use_backend(backend, network)
    trace = network.trace(make_batch(network)[0], update_buffers=False)
    cotangents = {node: made.out * 0.3 + 0.1 for node, made in trace.passes.items()}
    expected: dict[str, Tensor] = {}
    for node, made in trace.passes.items():
        block = copy.deepcopy(network.blocks[made.block])
        (block(made.input) * cotangents[node]).sum().backward()
        for name, p in block.named_parameters():
            key = f"{made.block}.{name}"
            expected[key] = expected[key] + p.grad if key in expected else p.grad
    assert_alike(trace.parameter_gradients(cotangents), expected, 1e-12)
    one_by_one = [trace[node].parameter_gradients(value) for node, value in cotangents.items()]
    total: dict[str, Tensor] = {}
    for each in one_by_one:
        total = {**total, **{name: total.get(name, 0) + value for name, value in each.items()}}
    assert_alike(total, expected, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nodes_left_out_are_not_trained(backend: str, device: str) -> None:
    network = make_network("mlp", device)
    use_backend(backend, network)
    trace = network.trace(make_batch(network)[0])
    found = trace.parameter_gradients({"fc2": trace["fc2"].out})
    assert found.keys() == {"fc2.linear.weight", "fc2.linear.bias"}
