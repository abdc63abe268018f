"""Closed-form feedback: what it is on a linear network, what its memory does, and how the engine takes it.

Oracle 3 of Meulemans et al. 2020: for linear feedback the optimum is J^T (J J^T + lambda I)^-1.

If it fails: closed-form feedback would not be the optimum that learned feedback is compared with.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.oracle.test_drl_optimum import SIGMA, WIDTHS, exact_noise, jacobian, linear_network
from tests.support.blocks import make_batch, make_network
from tests.support.parts import make_engine, make_feedback, relative, weights
from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo import CompatibilityError, Feedback, Network, PerName, Trace
from tpzoo.engine import Engine, SeedBatch, WeightStepper
from tpzoo.runner.build import build
from tpzoo.runner.checkpoint import put_back, weights_of
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.plugin import DrlSettings, RidgeSettings
from tpzoo.zoo.learners.ridge import Ridge


def ridge(damping: float = 0.1, decay: float = 0.9, sigma: float = SIGMA) -> Ridge:
    return Ridge(RidgeSettings(PerName(sigma), PerName(damping), decay))


def linear_engine(device: str, path: str, learner: Ridge) -> tuple[Engine, Trace]:
    network = linear_network(device)
    engine = make_engine(network, device, path, learner)
    x = torch.randn(30, WIDTHS[0], dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(device)
    return engine, network.trace(x)


def expected_matrix(j: Tensor, damping: float) -> Tensor:
    return torch.linalg.solve(j @ j.T + damping * torch.eye(len(j), dtype=j.dtype, device=j.device), j).T


def solve(learner: Ridge, feedback: Feedback, trace: Trace) -> dict[str, Tensor]:
    noises = [exact_noise(trace, edge) for edge in feedback.edges]
    found = learner.statistics(feedback.edges, trace, feedback, noises)
    pairs = zip(feedback.edges, found, strict=True)
    return {edge.name: learner.solve(edge, each)["matrix.weight"] for edge, each in pairs}


@pytest.mark.parametrize("damping", [1e-6, 0.1, 2.0])
def test_direct_maps_are_the_damped_pseudo_inverse_at_once(damping: float, device: str) -> None:
    """With noise of exact covariance, whatever Q was before and however often it is repeated."""
    learner = ridge(damping)
    engine, trace = linear_engine(device, "direct/linear", learner)
    for _ in range(3):
        found = solve(learner, engine.feedback, trace)
        for edge in engine.feedback.edges:
            expected = expected_matrix(jacobian(engine.network, edge.target), damping)
            assert relative(found[edge.name], expected) < 1e-9
            assert (
                relative(found[edge.name], expected_matrix(jacobian(engine.network, edge.target), 2 * damping)) > 1e-8
            )


def test_layerwise_maps_solve_for_what_the_chain_above_leaves(device: str) -> None:
    """r = M J arrives, M the maps above: Q = r^T (r r^T + lambda I)^-1, with the maps as they were before the step."""
    learner = ridge()
    engine, trace = linear_engine(device, "layerwise/linear", learner)
    upper, lower = engine.feedback.edges
    arriving = upper.map.matrix.weight.detach() @ jacobian(engine.network, "fc1")
    found = solve(learner, engine.feedback, trace)
    assert relative(found[upper.name], expected_matrix(jacobian(engine.network, "fc2"), 0.1)) < 1e-9
    assert relative(found[lower.name], expected_matrix(arriving, 0.1)) < 1e-9


def test_the_optimum_is_that_of_drl(device: str) -> None:
    """lambda = n wd / 2: at ridge's solution the gradient of drl and its weight decay cancel."""
    weight_decay = 0.05
    for target in ("fc1", "fc2"):
        width = WIDTHS[1] if target == "fc1" else WIDTHS[2]
        learner = ridge(width * weight_decay / 2)
        engine, trace = linear_engine(device, "direct/linear", learner)
        edge = engine.feedback.edge(target)
        edge.map.matrix.weight.data = solve(learner, engine.feedback, trace)[target]
        drl = DRL(DrlSettings(PerName(SIGMA)))
        gradient = drl.gradients([edge], trace, engine.feedback, [exact_noise(trace, edge)])[0]["matrix.weight"]
        assert relative(gradient, -weight_decay * edge.map.matrix.weight) < 1e-9


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_earlier_batches_count_by_their_decay(decay: float, device: str) -> None:
    """After batches 1, 2, 3 the sums are those of the batches weighted decay^2, decay, 1; written out by rows here."""
    learner = ridge(0.1, decay)
    network: Network = make_network("mlp", device)
    engine = make_engine(network, device, "direct/linear", learner)
    edge, draw = engine.feedback.edge("fc2"), engine.streams.draw("noise")
    parts = []
    for seed in range(3):
        trace = network.trace(make_batch(network, 6, seed=seed)[0])
        noise = learner.noise(edge, trace, draw)
        found = learner.solve(edge, learner.statistics([edge], trace, engine.feedback, [noise])[0])["matrix.weight"]
        pushed = network.push(trace["fc2"].out + noise[0], "fc2", "output").out
        parts.append((pushed - trace.output, noise[0]))
    share = [decay**2, decay, 1.0]
    gram, cross = (
        sum(
            w * sum(torch.outer(left(part)[b], part[0][b]) for b in range(6))
            for w, part in zip(share, parts, strict=True)
        )
        / (6 * SIGMA**2 * sum(share))
        for left in (lambda part: part[0], lambda part: part[1])
    )
    expected = cross @ torch.linalg.inv(gram + 0.1 * torch.eye(3, dtype=gram.dtype, device=device))
    assert relative(found, expected) < 1e-10


def test_the_engine_sets_the_maps_and_moves_nothing_else(device: str) -> None:
    engine = make_engine("mlp", device, "direct/linear", ridge())
    start = weights(engine)
    engine.train_feedback_batch(make_batch(engine.network)[0])
    after = weights(engine)
    moved = {name for name in after if not torch.equal(after[name], start[name])}
    assert moved == {f"feedback.maps.{edge.name}.matrix.weight" for edge in engine.feedback.edges}


def test_what_is_not_trained_is_not_set(device: str) -> None:
    engine = make_engine("mlp", device, "direct/linear", ridge())
    members = dict(engine.feedback.maps.items())
    chosen = torch.optim.SGD(engine.feedback.edge("fc1").map.parameters(), lr=1.0)
    engine.feedback_weights = WeightStepper(members, chosen)
    start = weights(engine)
    engine.train_feedback_batch(make_batch(engine.network)[0])
    after = weights(engine)
    moved = {name for name in after if not torch.equal(after[name], start[name])}
    assert moved == {"feedback.maps.fc1.matrix.weight"}


def test_statistics_are_averaged_over_processes(device: str) -> None:
    """What other processes bring is in the sums: here it doubles the mean."""
    ours, theirs = (
        make_engine("mlp", device, "direct/linear", ridge()),
        make_engine("mlp", device, "direct/linear", ridge()),
    )
    theirs.feedback_weights = WeightStepper(
        dict(theirs.feedback.maps.items()),
        theirs.feedback_weights.optimizer,
        mean=lambda values: {name: 2 * value for name, value in values.items()},
    )
    for engine in (ours, theirs):
        engine.train_feedback_batch(make_batch(engine.network)[0])
    for edge in ours.feedback.edges:
        one, two = (engine.learner.sums[edge.name] for engine in (ours, theirs))
        assert relative(two.gram, 2 * one.gram) < 1e-12
        assert relative(two.cross, 2 * one.cross) < 1e-12


def test_a_checkpoint_keeps_the_sums(tmp_path: Path) -> None:
    overrides = ("feedback=direct", "learner=ridge", "rule=dtp", "precision=float64")
    data = write_toy_data(tmp_path)
    one, two = (build(toy(data, *overrides, f"seed={seed}").experiment, catalogue()).engine for seed in (0, 1))
    x = one.network.trace(torch.randn(8, 16, dtype=torch.float64).view(8, *one.network.input_shape)).input
    one.train_feedback_batch(x)
    modules = [{"network": each.network, "feedback": each.feedback, "learner": each.learner} for each in (one, two)]
    saved = {name: value.detach().clone() for name, value in weights_of(modules[0]).items()}
    assert {name.rsplit(".", 1)[1] for name in saved if name.startswith("learner")} == {"cross", "gram", "count"}
    put_back(modules[1], saved)
    two.streams.load_state_dict(one.streams.state_dict())
    for engine in (one, two):
        engine.train_feedback_batch(x)
    for edge in one.feedback.edges:
        ours, theirs = (each.feedback.edge(edge.name).map.matrix.weight for each in (one, two))
        assert torch.equal(ours, theirs)


def test_other_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CompatibilityError, match=r"learner 'ridge' requires 'linear_map'.* use map 'linear'"):
        toy(write_toy_data(tmp_path), "feedback=direct", "feedback.map=dense", "learner=ridge", "rule=dtp")


def test_a_seed_batch_is_refused(device: str) -> None:
    make = partial(torch.optim.SGD, lr=0.1)
    with pytest.raises(CompatibilityError, match="Ridge"):
        SeedBatch([make_engine("mlp", device, "direct/linear", ridge())], make, make)


def test_maps_of_another_form_say_that_they_are_not_one_matrix(device: str) -> None:
    feedback = make_feedback(make_network("mlp", device), "direct/dense")
    with pytest.raises(TypeError, match="linear_map"):
        ridge().prepare(feedback.edges)
