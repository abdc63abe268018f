"""Maps with a hidden layer: their equations, exact differences, and features that are shared, saved once and fixed.

See Meulemans et al. 2020: V, c are uniform within 1/sqrt(n_L) and never train, the recurrent variant sees the clean
activation of its target, and the last hidden layer's map is a single layer.

If it fails: DDTP-RHL would train another network than the paper does: features that should be fixed would learn, or
edges would not share them.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.support.blocks import make_batch, make_network
from tests.support.parts import MAPS, make_engine, make_feedback, relative, use_backend, weights
from tpzoo import Draw, Feedback, LossLearner, Network, PerName, Trace
from tpzoo.engine import Streams
from tpzoo.runner.checkpoint import Checkpoints, put_back, weights_of
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.plugin import DrlSettings

FORMS = ("random_hidden", "random_hidden_recurrent", "mlp", "mlp_recurrent")
V, C = "shared.random_hidden_output.V", "shared.random_hidden_output.c"


def prepared(form: str, device: str, name: str = "mlp") -> tuple[Network, Feedback, Trace]:
    network = make_network(name, device)
    feedback = make_feedback(network, f"direct/{form}")
    for p in feedback.parameters():  # biases too, which start at zero
        torch.nn.init.normal_(p, std=0.5, generator=torch.Generator(p.device).manual_seed(0))
    return network, feedback, network.trace(make_batch(network)[0])


def displacement(trace: Trace, size: float) -> Tensor:
    return size * torch.randn(trace.output.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(
        trace.output
    )


@pytest.mark.parametrize("size", [1.0, 1e-3])
@pytest.mark.parametrize("name", ["mlp", "pooled"])
@pytest.mark.parametrize("form", FORMS)
def test_differences_are_subtractions(form: str, name: str, size: float, device: str) -> None:
    _, feedback, trace = prepared(form, device, name)
    d = displacement(trace, size)
    for edge in feedback.edges:
        u, at = trace.output, feedback.at(edge, trace)
        # The subtraction itself is good to 1e-16 / size.
        assert relative(edge.map.difference(d, at), edge.map(u + d, at) - edge.map(u, at)) < 1e-10
        several = edge.map.differences(torch.stack([d, -2 * d]), at)
        each = torch.stack([edge.map.difference(one, at) for one in (d, -2 * d)])
        assert relative(several, each) < 1e-12


@pytest.mark.parametrize("recurrent", [False, True])
def test_random_hidden_is_its_equation(recurrent: bool, device: str) -> None:
    form = "random_hidden_recurrent" if recurrent else "random_hidden"
    _, feedback, trace = prepared(form, device)
    state, u = feedback.state_dict(), trace.output
    bound = 1 / u.shape[1] ** 0.5
    assert 0.5 * bound < float(state[V].abs().max()) <= bound
    assert 0.5 * bound < float(state[C].abs().max()) <= bound
    r = (u @ state[V].T + state[C]).tanh()
    for edge in feedback.edges:
        single = edge.target == "fc3" and not recurrent
        seen = u if single else torch.cat([r, trace[edge.target].out], 1) if recurrent else r
        a = seen @ edge.map.dense.weight.detach().T + edge.map.dense.bias.detach()
        expected = torch.nn.functional.elu(a) if recurrent else a.tanh()
        assert relative(edge.map(u, feedback.at(edge, trace)), expected) < 1e-12


def test_mlp_is_its_equation_with_a_single_layer_at_the_top(device: str) -> None:
    _, feedback, trace = prepared("mlp_recurrent", device)
    u = trace.output
    for edge in feedback.edges:
        if edge.target == "fc3":
            assert [tuple(p.shape) for p in edge.map.parameters()] == [(4, 3), (4,)]
            continue
        first, last = edge.map.layers
        h = torch.nn.functional.elu(torch.cat([u, trace[edge.target].out], 1) @ first.weight.T + first.bias)
        assert relative(edge.map(u, feedback.at(edge, trace)), (h @ last.weight.T + last.bias).tanh()) < 1e-12


@pytest.mark.parametrize("learner", ["drl", "reconstruction"])
@pytest.mark.parametrize("form", FORMS)
def test_learners_train_the_maps_and_nothing_else(form: str, learner: str, device: str) -> None:
    """Oracle 9: V and c, and in feedback-only steps the forward weights, never move."""
    engine = make_engine("mlp", device, f"direct/{form}", learner)
    start = weights(engine)
    engine.train_feedback_batch(make_batch(engine.network)[0])
    after = weights(engine)
    moved = {name for name, value in after.items() if not torch.equal(value, start[name])}
    assert moved == {f"feedback.maps.{name}" for name, _ in engine.feedback.maps.named_parameters()}
    for _ in range(3):
        engine.train_batch(*make_batch(engine.network))
    later = weights(engine)
    fixed = {name for name in start if ".shared." in name}
    assert fixed == ({f"feedback.{V}", f"feedback.{C}"} if form.startswith("random") else set())
    assert all(torch.equal(start[name], later[name]) for name in fixed)
    assert not any(torch.equal(start[name], later[name]) for name in start if name.startswith("network"))


def test_features_are_shared_saved_once_and_loaded(device: str, tmp_path: Path) -> None:
    network, feedback, trace = prepared("random_hidden", device)
    values = weights_of({"feedback": feedback})
    assert sum(value.shape[:1] == (9,) for value in values.values()) == 2  # V and c, of width 9
    assert {f"feedback.{V}", f"feedback.{C}"} < values.keys()
    assert not list(feedback.shared.parameters())
    Checkpoints(tmp_path, "hash").save("one", values, {}, ("last",))
    other = make_feedback(network, "direct/random_hidden", seed=5)
    d = displacement(trace, 0.1)
    expected, before = feedback.displacements(trace, d), other.displacements(trace, d)
    saved = Checkpoints(tmp_path, "hash").load().weights
    put_back({"feedback": other}, {name: value.to(device) for name, value in saved.items()})
    found = other.displacements(trace, d)
    assert not torch.equal(before["fc1"], expected["fc1"])
    assert all(torch.equal(found[node], expected[node]) for node in expected)
    twin = copy.deepcopy(other)
    twin.shared["random_hidden_output"].V.zero_()  # a copy shares with itself, not with the original
    assert bool((twin.displacements(trace, d)["fc1"] == 0).all())
    assert torch.equal(other.displacements(trace, d)["fc1"], expected["fc1"])


class Counting(TorchFunctionMode):
    """Counts the uses of a matrix in linear layers."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix, self.count = matrix, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.count += func is torch.nn.functional.linear and args[1] is self.matrix
        return func(*args, **(kwargs or {}))


def test_all_edges_take_the_features_from_one_evaluation(device: str) -> None:
    """V u + c and V d, whatever the number of edges."""
    _, feedback, trace = prepared("random_hidden_recurrent", device)
    with Counting(feedback.shared["random_hidden_output"].V) as mode:
        feedback.displacements(trace, displacement(trace, 0.1))
    assert len(feedback.edges) == 3
    assert mode.count == 2


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("form", MAPS)
def test_drl_gradients_on_both_backends(form: str, backend: str, device: str) -> None:
    network, feedback, trace = prepared(form, device)
    learner = DRL(DrlSettings(sigma=PerName(0.2)))
    draw: Draw = Streams(0, device).draw("noise")
    noises = [learner.noise(edge, trace, draw) for edge in feedback.edges]
    plain = LossLearner.gradients(learner, feedback.edges, trace, feedback, noises)
    use_backend(backend, network, feedback)
    again = learner.gradients(feedback.edges, network.trace(trace.input), feedback, noises)
    for ours, theirs in zip(again, plain, strict=True):
        size = max(float(value.norm()) for value in theirs.values())
        assert ours.keys() == theirs.keys()
        assert all(float((ours[name] - theirs[name]).norm()) <= 1e-10 * size for name in theirs)
