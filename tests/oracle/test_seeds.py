"""Three seeds under vmap equal three separate runs.

If it fails: runs of several seeds at once would not be the runs of each seed: their spread would mean nothing.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.support.blocks import make_batch
from tests.support.parts import MakeOptimizer, assert_alike, make_engine, weights
from tpzoo import CompatibilityError, Context, Rule
from tpzoo.engine import Iterations, SeedBatch, WeightStepper
from tpzoo.zoo.rules.tp import TP

SEEDS = (0, 1, 2)
STEPS = 3
METHODS = {
    "dtp": ("layerwise/dense", "reconstruction"),
    "ddtp_linear": ("direct/linear", "drl"),
    "dtpdrl": ("layerwise/dense", "drl"),
    "ddtp_control": ("direct/dense", "reconstruction"),
    "tied": ("tied", "frozen"),
    "dfa": ("direct/linear", "frozen"),
    "ddtp_rhl": ("direct/random_hidden", "drl"),
}
SGD: MakeOptimizer = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
ADAM: MakeOptimizer = partial(torch.optim.Adam, lr=0.01, weight_decay=0.1)


def compare(
    network: str,
    method: str,
    order: str,
    device: str,
    optimizer: MakeOptimizer = SGD,
    rule: Rule | None = None,
    iterations: int = 1,
) -> None:
    path, learner = METHODS[method]

    def engine(seed: int):  # type: ignore[no-untyped-def]
        rounds = Iterations(together=iterations)
        return make_engine(network, device, path, learner, rule, seed, optimizer, rounds)

    alone, together = [engine(seed) for seed in SEEDS], [engine(seed) for seed in SEEDS]
    start = [weights(each) for each in together]
    batch = SeedBatch(together, optimizer, optimizer)
    for step in range(STEPS):
        pairs = [make_batch(each.network, seed=10 * step + seed) for seed, each in zip(SEEDS, alone, strict=True)]
        outs = [each.train_batch(x, y, order) for each, (x, y) in zip(alone, pairs, strict=True)]
        found = batch.train_batch(*(torch.stack(list(each)) for each in zip(*pairs, strict=True)), order)
        torch.testing.assert_close(found, torch.stack(outs), rtol=1e-9, atol=1e-11)
    batch.write_back()
    for one, other, before in zip(together, alone, start, strict=True):
        expected = weights(other)
        assert_alike(weights(one), expected, 1e-10)
        moved = [name for name in expected if not torch.equal(expected[name], before[name])]
        assert any(name.startswith("network") for name in moved)
        assert any(name.startswith("feedback") for name in moved) == (learner != "frozen")


@pytest.mark.parametrize("order", ["targets_first", "feedback_first"])
@pytest.mark.parametrize("method", METHODS)
def test_mlp(method: str, order: str, device: str) -> None:
    compare("mlp", method, order, device)


@pytest.mark.parametrize("network", ["normed", "pooled", "residual", "shared"])
@pytest.mark.parametrize("method", ["dtp", "ddtp_linear", "tied"])
def test_other_networks(network: str, method: str, device: str) -> None:
    """Running statistics, pool indices and shared weights get a seed dimension too."""
    compare(network, method, "targets_first", device)


def test_adam_with_several_feedback_rounds_and_plain_targets(device: str) -> None:
    compare("mlp", "dtp", "feedback_first", device, ADAM, TP(), iterations=2)


def test_a_seed_that_sees_another_seeds_noise_would_be_seen(device: str) -> None:
    """The comparison can fail: the noise of the seeds differs, and it matters."""
    engines = [make_engine("mlp", device, seed=seed) for seed in (0, 1)]
    x, y = make_batch(engines[0].network)
    engines[1].streams = make_engine("mlp", device, seed=0).streams
    other = make_engine("mlp", device, seed=1)
    for each in (engines[1], other):
        each.train_batch(x, y)
    with pytest.raises(AssertionError):
        assert_alike(weights(engines[1]), weights(other), 1e-10)


def test_what_cannot_be_batched_is_refused(device: str) -> None:
    class OwnStep(Rule):
        def train_step(self, context: Context) -> None:
            context.step("forward", context.backprop())

    with pytest.raises(CompatibilityError, match="OwnStep"):
        SeedBatch([make_engine("mlp", device, rule=OwnStep())], SGD, SGD)
    by_edge = Iterations(by_edge={"fc1": 1, "fc2": 1, "fc3": 2})
    with pytest.raises(CompatibilityError, match="iterations"):
        SeedBatch([make_engine("mlp", device, iterations=by_edge)], SGD, SGD)


def test_what_is_not_trained_does_not_move(device: str) -> None:
    """As in frozen MNIST: one block learns, and one map."""
    engines = [make_engine("mlp", device, seed=seed) for seed in SEEDS]
    for engine in engines:
        fc1, fc2 = engine.network.blocks["fc1"], engine.feedback.maps["fc2"]
        engine.forward_weights = WeightStepper(dict(engine.network.blocks.items()), SGD(list(fc1.parameters())))
        engine.feedback_weights = WeightStepper(dict(engine.feedback.maps.items()), SGD(list(fc2.parameters())))
    start = [weights(engine) for engine in engines]
    batch = SeedBatch(engines, SGD, SGD)
    pairs = [make_batch(engine.network, seed=seed) for seed, engine in enumerate(engines)]
    batch.train_batch(*(torch.stack(list(each)) for each in zip(*pairs, strict=True)))
    batch.write_back()
    for engine, before in zip(engines, start, strict=True):
        after = weights(engine)
        moved = {".".join(name.split(".")[:3]) for name in after if not torch.equal(after[name], before[name])}
        assert moved == {"network.blocks.fc1", "feedback.maps.fc2"}
