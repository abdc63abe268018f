"""DTPDRL in few calls: one stacked pass up, one walk down, clean evaluations shared with the target pass.

Against the loss differentiated edge by edge, against steps that share nothing, and against counted operations.

If it fails: DTPDRL, the costliest method, would be fast and wrong: values that are remembered within a step would be
those of earlier weights.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.support.blocks import Layer, make_batch, make_network
from tests.support.image_networks import BLOCKS, build_from
from tests.support.parts import assert_alike, make_engine, make_feedback, use_backend, weights
from tpzoo import At, Draw, Feedback, LossLearner, Network, PerName, Trace
from tpzoo.engine import Engine, Iterations
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.plugin import DrlSettings

LEARNER = DRL(DrlSettings(sigma=PerName(0.2)))
ITERATIONS = {
    "once": Iterations(),
    "thrice": Iterations(together=3),
    "by edge": Iterations(by_edge={"fc1": 1, "fc2": 2, "fc3": 3}),
}


def noises_of(feedback: Feedback, trace: Trace) -> list[tuple[Tensor, ...]]:
    draw = Draw(torch.Generator(trace.output.device).manual_seed(0))
    return [LEARNER.noise(edge, trace, draw) for edge in feedback.edges]


def compare(network: Network, feedback: Feedback, trace: Trace, backend: str) -> None:
    noises = noises_of(feedback, trace)
    plain = LossLearner.gradients(LEARNER, feedback.edges, trace, feedback, noises)
    use_backend(backend, network, feedback)
    for ours, theirs in zip(LEARNER.gradients(feedback.edges, trace, feedback, noises), plain, strict=True):
        size = max(float(value.norm()) for value in theirs.values())
        for name, expected in theirs.items():  # a bias that cancels leaves rounding, or nothing
            assert float((ours[name] - expected).norm()) <= 1e-10 * size


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize(
    "path", ["layerwise/dense", "layerwise/linear", "layerwise/mlp", "direct/dense", "direct/linear"]
)
@pytest.mark.parametrize("name", ["mlp", "residual"])
def test_the_stacked_walk_equals_the_plain_loss(name: str, path: str, backend: str, device: str) -> None:
    network = make_network(name, device)
    compare(network, make_feedback(network, path), network.trace(make_batch(network)[0]), backend)


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("network", BLOCKS)
def test_mirrored_blocks(network: str, backend: str) -> None:
    engine = build_from(*BLOCKS[network]).engine
    x = torch.randn(4, *engine.network.input_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    compare(engine.network, engine.feedback, engine.network.trace(x), backend)


@pytest.mark.parametrize("order", ["targets_first", "feedback_first"])
@pytest.mark.parametrize("iterations", ITERATIONS.values(), ids=ITERATIONS)
@pytest.mark.parametrize("path", ["layerwise/dense", "direct/random_hidden", "layerwise/mlp"])
def test_what_is_remembered_is_never_stale(path: str, iterations: Iterations, order: str, device: str) -> None:
    """Steps that share clean evaluations between targets and learning equal steps that make them anew."""

    def trained(forgetful: bool) -> dict[str, Tensor]:
        engine = make_engine("mlp", device, path, "drl", iterations=iterations)
        if forgetful:
            engine.feedback.at_rest = lambda trace: nullcontext()  # type: ignore[method-assign,assignment]
        for seed in range(3):
            engine.train_batch(*make_batch(engine.network, seed=seed), order)  # type: ignore[arg-type]
        return weights(engine)

    assert_alike(trained(False), trained(True), 1e-12)


def wide_engine(device: str, hidden: int) -> Engine:
    """Layers of one width, so that costs are easily counted."""
    blocks = {f"fc{i}": Layer(WIDTH, WIDTH) for i in range(1, hidden + 1)}
    network = Network({**blocks, "head": Layer(WIDTH, 3, "linear")}, (WIDTH,)).double().to(device)
    return make_engine(network, device, "layerwise/dense", LEARNER)


WIDTH, ROWS = 8, 5


@pytest.mark.parametrize("hidden", [2, 4, 6])
def test_a_step_costs_what_the_algorithm_needs(hidden: int, device: str) -> None:
    """Products: forward and local gradients, Qu and Qd of the targets, the noise pass from every hidden layer up and
    its way down, and two weight gradients for each map (Qu is not evaluated again)."""
    engine = wide_engine(device, hidden)
    x, y = make_batch(engine.network, ROWS)
    with FlopCounterMode(display=False) as counter:
        engine.train_batch(x, y)
    square, head = WIDTH * WIDTH, 3 * WIDTH
    forward, feedback = hidden * square + head, (hidden - 1) * square + head
    noise = sum(above * square + head for above in range(hidden))
    assert counter.get_total_flops() == 2 * ROWS * (2 * forward + 2 * feedback + 2 * noise + 2 * feedback)


@pytest.mark.parametrize("hidden", [2, 4, 6])
def test_maps_are_called_once_down_and_once_for_their_loss(hidden: int, device: str) -> None:
    """2 L - 3 calls for L layers instead of L (L - 1) / 2."""
    engine = wide_engine(device, hidden)
    trace = engine.network.trace(make_batch(engine.network, ROWS)[0])
    noises = noises_of(engine.feedback, trace)
    calls: list[int] = []

    def counted(found: Callable[[Tensor, At], Tensor], d: Tensor, at: At) -> Tensor:
        calls.append(len(d))  # one displacement goes the same way
        return found(d, at)

    for edge in engine.feedback.edges:
        g = edge.map
        g.differences = partial(counted, g.differences)  # type: ignore[method-assign]
    LEARNER.gradients(engine.feedback.edges, trace, engine.feedback, noises)
    assert len(calls) == 2 * hidden - 1
    assert sum(calls) == hidden * (hidden + 1) // 2
