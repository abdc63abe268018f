"""Fast paths of the learners give the gradients of their plain definitions, and of a slow version written out here.

If it fails: feedback weights would follow the gradient of some other loss than the one that the learner is named
after, for all networks or only for some: a wrong method with a plausible curve.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from tests.support.blocks import NETWORKS, make_batch, make_network
from tests.support.parts import MAPS, PATHS, assert_alike, make_feedback, use_backend
from tpzoo import Draw, Edge, Feedback, LossLearner, Network, PerName, Trace
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.plugin import DrlSettings, ReconstructionSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction

SIGMA = 0.2
RECONSTRUCTION = [
    ReconstructionSettings(PerName(SIGMA)),
    ReconstructionSettings(PerName(SIGMA), target="clean", reduction="sum", scale="none"),
    ReconstructionSettings(PerName(SIGMA), target="clean", sigma_floor=0.5),
    ReconstructionSettings(PerName(SIGMA), reduction="sum"),
]
DIFFERENCE = [DrlSettings(PerName(SIGMA)), DrlSettings(PerName(SIGMA), reduction="sum")]
LEARNERS = [*map(Reconstruction, RECONSTRUCTION), *map(DRL, DIFFERENCE)]
NAMES = ["noisy-mean", "clean-sum-unscaled", "clean-floor", "noisy-sum", "drl-mean", "drl-sum"]


def prepared(name: str, path: str, device: str) -> tuple[Network, Feedback, Trace]:
    network = make_network(name, device)
    return network, make_feedback(network, path), network.trace(make_batch(network)[0])


def noises_of(learner: LossLearner, feedback: Feedback, trace: Trace) -> list[tuple[Tensor, ...]]:
    draw = Draw(torch.Generator(trace.output.device).manual_seed(0))
    return [learner.noise(edge, trace, draw) for edge in feedback.edges]


@pytest.mark.parametrize("learner", LEARNERS, ids=NAMES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_all_edges_at_once_equal_the_plain_way(name: str, path: str, learner: LossLearner, device: str) -> None:
    _, feedback, trace = prepared(name, path, device)
    noises = noises_of(learner, feedback, trace)
    plain = LossLearner.gradients(learner, feedback.edges, trace, feedback, noises)
    for ours, theirs in zip(learner.gradients(feedback.edges, trace, feedback, noises), plain, strict=True):
        assert_alike(ours, theirs, 1e-10)


@pytest.mark.parametrize("learner", LEARNERS, ids=NAMES)
@pytest.mark.parametrize("path", PATHS)
def test_some_edges_in_any_order_equal_the_plain_way(path: str, learner: LossLearner, device: str) -> None:
    _, feedback, trace = prepared("mlp", path, device)
    pairs = list(zip(feedback.edges, noises_of(learner, feedback, trace), strict=True))
    for chosen in (pairs[:1], pairs[1:], pairs[::-1]):
        edges, noises = zip(*chosen, strict=True)
        plain = LossLearner.gradients(learner, edges, trace, feedback, noises)
        for ours, theirs in zip(learner.gradients(edges, trace, feedback, noises), plain, strict=True):
            assert_alike(ours, theirs, 1e-10)


def push_slowly(network: Network, h: Tensor, after: str, upto: str) -> Tensor:
    for node in network.nodes[network.position(after) + 1 : network.position(upto) + 1]:
        h = network.block_of(node)(h)
    return h


def slow_loss(learner: LossLearner, edge: Edge, trace: Trace, feedback: Feedback, noise: Tensor) -> Tensor:
    """The papers' equations, with maps subtracted and every pass made by calling the blocks."""
    settings, network, clean = learner.settings, trace.network, trace[edge.target].out
    noisy = clean + noise
    if isinstance(learner, Reconstruction):
        pushed = push_slowly(network, noisy, edge.target, edge.source)
        difference = edge.map(pushed, feedback.at(edge, trace)) - (noisy if settings.target == "noisy" else clean)
        factor = 1.0 if settings.scale == "none" else 1 / max(SIGMA, settings.sigma_floor) ** 2
    else:
        reached = push_slowly(network, noisy, edge.target, "output")
        chain = [each for each in feedback.edges if edge.source != "output"]
        chain = chain[: chain.index(edge)] if chain else []
        for each in chain:  # r_{k-1} = h_{k-1} + g_k(r_k) - g_k(h_k), constants of this edge's loss
            at, source = feedback.at(each, trace), trace[each.source].out
            reached = trace[each.target].out + (each.map(reached, at) - each.map(source, at)).detach()
        at, source = feedback.at(edge, trace), trace[edge.source].out
        difference = clean + edge.map(reached, at) - edge.map(source, at) - noisy
        factor = 1 / SIGMA**2
    squared = difference.flatten(1).square().sum(1).mean()
    return factor * (squared / difference[0].numel() if settings.reduction == "mean" else squared)


@pytest.mark.parametrize("learner", LEARNERS, ids=NAMES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["mlp", "pooled", "residual", "shared"])
def test_losses_and_gradients_equal_the_equations(name: str, path: str, learner: LossLearner, device: str) -> None:
    _, feedback, trace = prepared(name, path, device)
    noises = noises_of(learner, feedback, trace)
    found = learner.gradients(feedback.edges, trace, feedback, noises)
    for edge, noise, ours in zip(feedback.edges, noises, found, strict=True):
        expected = slow_loss(learner, edge, trace, feedback, noise[0])
        loss = learner.loss(edge, trace, feedback, noise)
        torch.testing.assert_close(loss, expected, rtol=1e-10, atol=0)
        names, parameters = zip(*edge.map.named_parameters(), strict=True)
        gradients = torch.autograd.grad(expected, parameters, materialize_grads=True)
        size = max(float(value.norm()) for value in gradients)
        for name, gradient in zip(names, gradients, strict=True):  # a bias that cancels leaves rounding only
            assert float((ours[name] - gradient).norm()) <= 1e-10 * size


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("form", MAPS)
def test_the_bias_of_a_map_gets_no_gradient_from_drl_where_it_cancels(form: str, backend: str, device: str) -> None:
    network = make_network("mlp", device)
    feedback = make_feedback(network, f"direct/{form}", make_map=MAPS[form])
    use_backend(backend, network, feedback)
    trace, learner = network.trace(make_batch(network)[0]), DRL(DIFFERENCE[0])
    for found in learner.gradients(feedback.edges, trace, feedback, noises_of(learner, feedback, trace)):
        biases = [value for name, value in found.items() if name.endswith("bias")]
        assert biases
        linear = form in ("linear", "low_rank", "hard_sigmoid")  # the last one between its clips
        assert all(bool((bias == 0).all()) == linear for bias in biases)


@pytest.mark.parametrize("learner", LEARNERS, ids=NAMES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_neither_weights_nor_buffers_move(name: str, path: str, learner: LossLearner, device: str) -> None:
    network, feedback, trace = prepared(name, path, device)
    before = copy.deepcopy({**network.state_dict(), **feedback.state_dict()})
    noises = noises_of(learner, feedback, trace)
    learner.gradients(feedback.edges, trace, feedback, noises)
    learner.loss(feedback.edges[0], trace, feedback, noises[0])
    after = {**network.state_dict(), **feedback.state_dict()}
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(p.grad is None for p in [*network.parameters(), *feedback.parameters()])
