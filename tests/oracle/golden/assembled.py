"""Methods put together through tpzoo's public names, with the weights, the noise and the numbers of the papers' code.

Paper indices are translated to blocks and edges here and nowhere else. An edge is found by the node that it reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo import Batch, DataSpec, DisplacementRule, Edge, FeedbackMap, Trace
from tpzoo.assembly.engine import assemble
from tpzoo.config import load
from tpzoo.engine import Engine, LossLearner, SingleStep, StepRecord
from tpzoo.plugin.discovery import load_catalogue

FOLDER = Path(__file__).parent
TOLERANCE = 1e-9
Values = dict[str, Tensor]
Noises = Mapping[str, Sequence[tuple[Tensor, ...]]]


class Golden:
    """One file of arrays, by their names there; a group is what stands before the slash."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            self.arrays = {key: torch.from_numpy(file[key]) for key in file.files}

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]

    def number(self, name: str) -> float:
        """A scalar."""
        return float(self.arrays[name])

    def group(self, name: str) -> Values:
        """The arrays of a group by the rest of their names; ``""`` is what belongs to no group."""
        found = {key: key.rpartition("/") for key in self.arrays}
        return {rest: self.arrays[key] for key, (group, _, rest) in found.items() if group == name}


def assert_results(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], zero: Sequence[str] = ()) -> None:
    """Every expected array is there and agrees to 1e-9 of its norm; nothing else is there.

    ``zero`` names arrays whose exact value is zero: theirs and ours are what rounding leaves of sums of numbers of
    order one in float64, a few hundred terms of 1.1e-16 each, so that both stay below 1e-13.
    """
    assert found.keys() == expected.keys(), sorted(found.keys() ^ expected.keys())
    for name, reference in expected.items():
        value = found[name].detach()
        assert value.shape == reference.shape, f"{name}: {tuple(value.shape)}, not {tuple(reference.shape)}"
        if not reference.is_floating_point():
            assert torch.equal(value, reference), name
        elif name in zero:
            assert float(value.abs().max()) < 1e-13, name
            assert float(reference.abs().max()) < 1e-13, name
        else:
            error, size = float((value - reference).norm()), float(reference.norm())
            assert error <= TOLERANCE * size, f"{name}: off by {error:.3g} of {size:.3g}"


class Assembled:
    """A method as a run would build it, in float64.

    Args:
        overrides: what a config or the command line would say.
        spec: what a sample is.
        backend: ``autograd`` or ``functional``.
    """

    def __init__(self, overrides: Sequence[str], spec: DataSpec, backend: str) -> None:
        experiment = load(None, list(overrides)).experiment
        made = assemble(experiment, load_catalogue(), spec, dtype=torch.float64, backend=backend)
        self.engine: Engine = made.engine
        self.blocks = list(self.engine.network.blocks)

    def edge_to(self, block: str) -> Edge:
        """The edge that gives a block its displacement."""
        return next(edge for edge in self.engine.feedback.edges if edge.target == block)

    def trace(self, x: Tensor) -> Trace:
        """The clean pass."""
        return self.engine.network.trace(x, update_buffers=False)

    @cached_property
    def learner(self) -> LossLearner:
        """The learner, which has a loss."""
        assert isinstance(self.engine.learner, LossLearner)
        return self.engine.learner

    def displacements(self, x: Tensor, y: Tensor, plain: bool) -> Values:
        """d by block. ``plain``: every target is formed and every map evaluated twice and subtracted."""
        engine, trace = self.engine, self.trace(x)
        batch = engine.batch(x, y)
        if not plain:
            assert isinstance(engine.rule, DisplacementRule)
            return engine.rule.displacements(trace, engine.feedback, batch, engine.streams.draw("rule"))
        found = {trace.last: self.output_displacement(batch, trace.output)}
        for edge in engine.feedback.edges:
            at = engine.feedback.at(edge, trace)
            source = trace.last if edge.source == "output" else edge.source
            found[edge.target] = FeedbackMap.difference(edge.map, found[source], at).detach()
        return found

    def output_displacement(self, batch: Batch, out: Tensor) -> Tensor:
        """d_L by the definition: minus the step size times the gradient of the loss, by autograd."""
        settings = self.engine.output.settings
        leaf = out.detach().requires_grad_()
        losses = F.cross_entropy(leaf, batch.y, reduction=settings.reduction)
        return -settings.step_size * torch.autograd.grad(losses, leaf)[0]

    def updates(
        self, x: Tensor, displacements: Mapping[str, Tensor], plain: bool, reductions: Mapping[str, str]
    ) -> Values:
        """The forward gradients by ``block.parameter``; ``plain``: autograd of every block's local loss as written."""
        trace = self.trace(x)
        if not plain:
            assert isinstance(self.engine.update, SingleStep)
            return self.engine.update.gradients(trace, displacements)
        found = {}
        for name, loss in self.local_losses(x, displacements, reductions).items():
            block = self.engine.network.blocks[name]
            gradients = torch.autograd.grad(loss, list(block.parameters()))
            found.update(
                {f"{name}.{key}": value for (key, _), value in zip(block.named_parameters(), gradients, strict=True)}
            )
        return found

    def local_losses(self, x: Tensor, displacements: Mapping[str, Tensor], reductions: Mapping[str, str]) -> Values:
        """Every block's loss as written: of |F(h) - t|^2 half the sum, sum or mean over units; mean over rows."""
        trace, found = self.trace(x), {}
        for name, d in displacements.items():
            squared = (self.engine.network.blocks[name](trace[name].input) - (trace[name].out + d)).square()
            rows = squared.flatten(1)
            of_row = {"half_sum": rows.sum(1) / 2, "sum": rows.sum(1), "mean": rows.mean(1)}[reductions[name]]
            found[name] = of_row.mean()
        return found

    def feedback_losses(self, x: Tensor, noise: Noises, number: int = 0) -> Values:
        """The learner's loss by the name of the edge's target."""
        engine, trace = self.engine, self.trace(x)
        return {
            edge.target: self.learner.loss(edge, trace, engine.feedback, noise[edge.name][number]).detach()
            for edge in engine.feedback.edges
        }

    def feedback_gradients(self, x: Tensor, noise: Noises, plain: bool, number: int = 0) -> Values:
        """By ``edge.parameter``; ``plain``: autograd of the loss, edge by edge."""
        engine, trace = self.engine, self.trace(x)
        edges, noises = engine.feedback.edges, [noise[edge.name][number] for edge in engine.feedback.edges]
        way = LossLearner.gradients if plain else type(self.learner).gradients
        found = way(self.learner, edges, trace, engine.feedback, noises)
        return {
            f"{edge.name}.{key}": value
            for edge, of_edge in zip(edges, found, strict=True)
            for key, value in of_edge.items()
        }

    def step(self, x: Tensor, y: Tensor, noise: Noises | None = None) -> StepRecord:
        """One whole training step, with its noise given."""
        record = StepRecord()
        self.engine.train_batch(x, y, noise=noise, record=record)
        return record

    def set_shared(self, values: Mapping[str, Tensor]) -> None:
        """The buffers of the one module that all maps share (random features)."""
        (shared,) = self.engine.feedback.shared.values()
        shared.load_state_dict(dict(values))


def word(value: Any) -> str:
    """A number or a text as the command line takes it, with all digits."""
    return repr(float(value)) if isinstance(value, Tensor | float) else str(value)
