"""Closed forms for fully connected networks (Meulemans et al. 2020; oracles 1 and 2 of the facts).

With s' the slope at the pre-activation a, e the gradient of every sample's loss and h the layer's input:
dW_L = step_size times backpropagation's; on direct linear feedback dW_i = -(1/B) sum_b [s'(a_i) * d_i] h_{i-1}^T with
d_i = -step_size Q_i e.

If it fails: DDTP and DFA on the plainest networks would not be the update rules of Meulemans et al. 2020.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.blocks import make_batch, make_network
from tests.support.parts import make_engine, make_feedback, make_objective, relative, weights
from tpzoo import Draw, local_gradients
from tpzoo.zoo.rules.dtp import DTP
from tpzoo.zoo.rules.tp import TP

STEP = 0.3
PATHS = ["layerwise/dense", "direct/linear", "direct/dense", "layerwise/elu"]


@pytest.mark.parametrize("rule", [DTP(), TP()], ids=["dtp", "tp"])
@pytest.mark.parametrize("path", PATHS)
def test_the_last_layer_gets_backpropagation(path: str, rule, device: str) -> None:  # type: ignore[no-untyped-def]
    network = make_network("mlp", device)
    x, y = make_batch(network)
    trace = network.trace(x)
    d = rule.displacements(trace, make_feedback(network, path), make_objective(x, y, STEP), Draw(torch.Generator()))
    found = local_gradients(trace, d)
    F.cross_entropy(network(x), y).backward()
    for name, p in network.blocks["head"].named_parameters():
        assert p.grad is not None
        assert relative(found[f"head.{name}"], STEP * p.grad) < 1e-12


@pytest.mark.parametrize("bias", [0.0, 7.0])
def test_hidden_layers_of_ddtp_linear(bias: float, device: str) -> None:
    """Whatever the bias of the feedback is: it cancels."""
    network = make_network("mlp", device)
    feedback = make_feedback(network, "direct/linear")
    x, y = make_batch(network)
    for edge in feedback.edges:
        torch.nn.init.constant_(edge.map.matrix.bias, bias)
    trace, batch = network.trace(x), make_objective(x, y, STEP)
    found = local_gradients(trace, DTP().displacements(trace, feedback, batch, Draw(torch.Generator())))
    error = network(x).detach().softmax(1) - F.one_hot(y, 3)
    h = x
    for name in ("fc1", "fc2", "fc3"):
        layer = network.blocks[name].linear
        q = feedback.edge(name).map.matrix.weight.detach()
        a = h @ layer.weight.detach().T + layer.bias.detach()
        d = -STEP * error @ q.T
        t = (1 - a.tanh() ** 2) * d  # (batch, units)
        assert relative(found[f"{name}.linear.weight"], -t.T @ h / len(x)) < 1e-12
        assert relative(found[f"{name}.linear.bias"], -t.mean(0)) < 1e-12
        h = a.tanh()


def test_dfa_is_ddtp_linear_with_frozen_maps(device: str) -> None:
    """Same first update as with drl, and the maps never move."""
    frozen = make_engine("mlp", device, "direct/linear", "frozen")
    trained = make_engine("mlp", device, "direct/linear", "drl")
    start = weights(frozen)
    for engine in (frozen, trained):
        engine.train_batch(*make_batch(engine.network))
    ours, theirs = weights(frozen), weights(trained)
    for name, value in start.items():
        forward = name.startswith("network")
        assert torch.equal(ours[name], theirs[name]) == (forward or name.endswith("bias"))
        assert torch.equal(ours[name], value) != forward
    for _ in range(3):
        frozen.train_batch(*make_batch(frozen.network))
    later = weights(frozen)
    assert all(torch.equal(later[name], value) for name, value in start.items() if name.startswith("feedback"))


@pytest.mark.parametrize("learner", ["reconstruction", "drl"])
@pytest.mark.parametrize("path", PATHS)
def test_the_first_layer_has_no_feedback_and_feedback_only_passes_move_only_maps(
    path: str, learner: str, device: str
) -> None:
    """Oracle 9: nothing leads to the input, so that no map may exist for it; forward weights rest."""
    engine = make_engine("mlp", device, path, learner)
    assert [edge.target for edge in engine.feedback.edges] == ["fc3", "fc2", "fc1"]
    assert not any(p.shape[0] == engine.network.input_shape[0] for p in engine.feedback.parameters())
    start = weights(engine)
    for _ in range(3):
        engine.train_feedback_batch(make_batch(engine.network)[0])
    after = weights(engine)
    moved = {name for name, value in after.items() if not torch.equal(value, start[name])}
    inert = {name for name in start if path == "direct/linear" and learner == "drl" and name.endswith("matrix.bias")}
    assert moved == {f"feedback.maps.{name}" for name, _ in engine.feedback.maps.named_parameters()} - inert


@pytest.mark.parametrize("path", PATHS)
def test_no_displacement_at_the_output_means_no_update(path: str, device: str) -> None:
    network = make_network("mlp", device)
    trace = network.trace(make_batch(network)[0])
    found = make_feedback(network, path).displacements(trace, torch.zeros_like(trace.output))
    assert len(found) == 4
    assert all(bool((d == 0).all()) for d in found.values())
