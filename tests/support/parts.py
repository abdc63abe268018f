"""Engines put together from parts, without a config, and how their numbers are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from tests.support.blocks import make_batch, make_network
from tpzoo import (
    Batch,
    DisplacementRule,
    Draw,
    Ends,
    Feedback,
    FeedbackMap,
    Learner,
    Network,
    PerName,
    Rule,
    Snapshot,
    Update,
    local_gradients,
)
from tpzoo.assembly.maker import seeded
from tpzoo.engine import BACKENDS, Engine, Iterations, Streams, WeightStepper, connector
from tpzoo.engine.draw import Share
from tpzoo.zoo.feedback import direct, layerwise, mlp, random_hidden, tied
from tpzoo.zoo.feedback.dense import DenseMap
from tpzoo.zoo.feedback.linear import LinearMap
from tpzoo.zoo.feedback.low_rank import LowRankMap
from tpzoo.zoo.feedback.plugin import (
    DenseSettings,
    DirectSettings,
    LayerwiseSettings,
    LinearSettings,
    LowRankSettings,
    MlpMapSettings,
    RandomHiddenSettings,
)
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.frozen import Frozen
from tpzoo.zoo.learners.plugin import DrlSettings, ReconstructionSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.outputs.gradient import Gradient
from tpzoo.zoo.outputs.plugin import GradientSettings
from tpzoo.zoo.rules.dtp import DTP
from tpzoo.zoo.updates.gradient import Gradient as LocalGradient
from tpzoo.zoo.updates.plugin import GradientSettings as GradientUpdateSettings

MakeMap = Callable[[Ends], FeedbackMap]
MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
SGD: MakeOptimizer = partial(torch.optim.SGD, lr=0.1)
ONCE = Iterations()

MAPS: dict[str, MakeMap] = {
    "dense": partial(DenseMap, DenseSettings(init="torch")),
    "elu": partial(DenseMap, DenseSettings(activation="elu", init="torch")),
    "linear": partial(LinearMap, LinearSettings(bias=PerName(True), init="torch")),
    "low_rank": partial(LowRankMap, LowRankSettings(rank=7, bias=PerName(True), init="torch")),
    "gelu": partial(DenseMap, DenseSettings(activation="gelu", init="torch")),
    "hard_sigmoid": partial(DenseMap, DenseSettings(activation="hard_sigmoid", init="torch")),
    "random_hidden": partial(random_hidden.build, RandomHiddenSettings(width=9, init="torch")),
    "random_hidden_recurrent": partial(
        random_hidden.build, RandomHiddenSettings(width=9, recurrent=True, activation="elu", bypass_last=False)
    ),
    "mlp": partial(mlp.build, MlpMapSettings(hidden=(8, 6), init="torch")),
    "mlp_recurrent": partial(mlp.build, MlpMapSettings(hidden=(8,), hidden_activation="elu", recurrent=True)),
}
LEARNERS: dict[str, Callable[[], Learner]] = {
    "reconstruction": lambda: Reconstruction(ReconstructionSettings(sigma=PerName(0.2))),
    "drl": lambda: DRL(DrlSettings(sigma=PerName(0.2))),
    "frozen": Frozen,
}
PATHS = ("layerwise/dense", "layerwise/elu", "layerwise/linear", "direct/linear", "direct/dense")
PATHS += ("direct/random_hidden", "direct/mlp_recurrent")


def make_feedback(network: Network, path: str, seed: int = 0, make_map: MakeMap | None = None) -> Feedback:
    """``tied``, or ``layerwise`` or ``direct`` with a map form: ``layerwise/dense``."""
    form, _, name = path.partition("/")
    with seeded(1000 + seed, "test"):
        connect = connector(network, make_map or MAPS.get(name, MAPS["linear"]))
        if form == "tied":
            made = tied.build(None, network, connect)
        elif form == "direct":
            made = direct.build(DirectSettings(), network, connect)
        else:
            made = layerwise.build(LayerwiseSettings(), network, connect)
    like = next(network.parameters())
    return made.to(like.dtype).to(like.device)


def make_objective(x: Tensor, y: Tensor, step_size: float = 0.3) -> Batch:
    """Cross-entropy, and a gradient step of the output."""
    return Batch(x, y, CrossEntropy(), Gradient(GradientSettings(step_size)))


def make_engine(
    network: Network | str,
    device: str = "cpu",
    path: str = "layerwise/dense",
    learner: str | Learner = "reconstruction",
    rule: Rule | None = None,
    seed: int = 0,
    optimizer: MakeOptimizer = SGD,
    iterations: Iterations = ONCE,
    share: Share | None = None,
    update: Update | None = None,
) -> Engine:
    """An engine whose forward and feedback optimisers are alike."""
    made = make_network(network, device, seed=seed) if isinstance(network, str) else network
    feedback = make_feedback(made, path, seed)
    backward = list(feedback.maps.parameters())
    return Engine(
        made,
        feedback,
        rule or DTP(),
        update or LocalGradient(GradientUpdateSettings()),
        LEARNERS[learner]() if isinstance(learner, str) else learner,
        CrossEntropy(),
        Gradient(GradientSettings(0.3)),
        WeightStepper(dict(made.blocks.items()), optimizer(list(made.blocks.parameters()))),
        WeightStepper(dict(feedback.maps.items()), optimizer(backward) if backward else None),
        Streams(seed, next(made.parameters()).device),
        iterations,
        share=share,
    )


def use_backend(name: str, network: Network, feedback: Feedback | None = None) -> None:
    """Differentiate by one of ``BACKENDS``."""
    network.backend = BACKENDS[name]
    if feedback is not None:
        feedback.backend = BACKENDS[name]


def relative(value: Tensor, reference: Tensor) -> float:
    """|value - reference| / |reference|, as vectors."""
    assert value.shape == reference.shape
    value, reference = value.detach(), reference.detach()
    return float((value - reference).norm() / reference.norm())


def assert_alike(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float) -> None:
    """Same names, and every tensor alike relative to its own norm (or both zero)."""
    assert found.keys() == expected.keys()
    for name, reference in expected.items():
        value, reference = found[name].detach().double(), reference.detach().double()
        error, size = float((value - reference).norm()), float(reference.norm())
        assert error <= tolerance * size or error < 1e-15, f"{name}: {error:.3g} of {size:.3g}"


def weights(engine: Engine) -> dict[str, Tensor]:
    """Copies of all weights and buffers of an engine."""
    modules = {"network": engine.network, "feedback": engine.feedback}
    return {
        f"{where}.{name}": value.detach().clone()
        for where, module in modules.items()
        for name, value in module.state_dict().items()
    }


def snapshot_of(
    network: Network,
    path: str = "layerwise/dense",
    rule: Rule | None = None,
    count: int = 4,
    feedback: Feedback | None = None,
) -> Snapshot:
    """What a probe sees in a step of ``rule`` (default dtp)."""
    batch = make_objective(*make_batch(network, count, next(network.parameters()).dtype))
    feedback, rule = feedback or make_feedback(network, path), rule or DTP()
    trace, draw = network.trace(batch.x), Draw(torch.Generator().manual_seed(0))
    assert isinstance(rule, DisplacementRule)
    with torch.no_grad():
        d = rule.displacements(trace, feedback, batch, draw)
    return Snapshot(network, feedback, Frozen(), batch, trace, d, local_gradients(trace, d), draw)


def of_backprop(snapshot: Snapshot) -> Snapshot:
    """The same moment under rule bp: no pass, no displacements."""
    return dataclasses.replace(snapshot, trace=None, displacements={}, gradients=snapshot.backprop())
