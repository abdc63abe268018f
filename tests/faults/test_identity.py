"""Two configs that are built or trained differently never share a hash."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import cache

import torch

from tests.support.runs import catalogue
from tpzoo.assembly.engine import assemble
from tpzoo.config import LoadedConfig, load
from tpzoo.engine.data import DataSpec

SPEC = DataSpec((6,), 3, "classification")
BASE = ("architecture.hidden=[5,4,4]", "feedback_training.order=feedback_first")
CHOICES = (
    ("seed=0", "seed=1"),
    ("rule=dtp", "rule=tpzoo/dtp", "rule=tp"),
    ("feedback=layerwise", "feedback=direct"),
    ("learner=reconstruction", "learner=drl"),
    ("learner.sigma=0.1", 'learner.sigma={"*": 0.1}', 'learner.sigma={"*": 0.1, fc1: 0.3}',
     'learner.sigma={fc1: 0.3, "*": 0.1}', 'learner.sigma={"fc[12]": 0.3, fc1: 0.1, "*": 0.2}',
     'learner.sigma={"*": 0.2, fc1: 0.1, "fc[12]": 0.3}', "learner.sigma=[0.3,0.1,0.1]"),
    ("optimizer.forward.lr=0.01", "optimizer.forward.lr=0.01", 'optimizer.forward.lr={"*": 0.01, fc2: 0.1}',
     'optimizer.forward.lr={fc2: 0.1, "*": 0.01}'),
    ("optimizer.forward=sgd", "optimizer.forward=adam"),
    ("output.step_size=0.1", "output.step_size=0.2", "output.step_size=1e-1"),
    ("batch_size=8", "evaluation_batch_size=3", "name=x", "device=cpu"),
)  # fmt: skip
PAIRS = 60


@cache
def weights_after_a_step(overrides: tuple[str, ...]) -> bytes:
    """What one training step makes of the weights, to the bit."""
    loaded = loaded_with(overrides)
    engine = assemble(loaded.experiment, loaded.catalogue, SPEC, dtype=torch.float64).engine
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(8, 6, generator=numbers, dtype=torch.float64)
    engine.train_batch(x, torch.arange(8) % 3)
    found = [*engine.network.parameters(), *engine.feedback.parameters()]
    return b"".join(value.detach().numpy().tobytes() for value in found)


@cache
def loaded_with(overrides: tuple[str, ...]) -> LoadedConfig:
    return load(None, [*BASE, *overrides], catalogue())


def test_configs_that_train_differently_have_different_hashes() -> None:
    numbers = random.Random(22)
    by_hash = defaultdict(set)
    tried = 0
    while tried < PAIRS:
        one = tuple(numbers.choice(each) for each in CHOICES)
        changed = numbers.randrange(len(CHOICES))
        other = tuple(
            numbers.choice(each) if i == changed else kept
            for i, (each, kept) in enumerate(zip(CHOICES, one, strict=True))
        )
        tried += 1
        for overrides in (one, other):
            by_hash[loaded_with(overrides).hash].add(weights_after_a_step(overrides))
    assert all(len(results) == 1 for results in by_hash.values())
    assert len(by_hash) > PAIRS / 2
    assert len(by_hash) < 2 * PAIRS  # some were written in two ways
