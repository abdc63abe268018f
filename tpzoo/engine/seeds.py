"""Several seeds of one configuration, trained as one batch by ``torch.func.vmap``: one launch instead of many.

Every weight, buffer and noise tensor gets a leading seed dimension. The numbers are those of separate runs, since each
seed keeps its own random streams and the optimisers work element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from tpzoo.engine.draw import FilledDraw
from tpzoo.engine.feedback import Edge
from tpzoo.engine.learner import LossLearner, Noise, SolvingLearner
from tpzoo.engine.network import Trace
from tpzoo.engine.passes import FUNCTIONAL
from tpzoo.engine.rule import DisplacementRule
from tpzoo.engine.step import Engine
from tpzoo.engine.update import SingleStep
from tpzoo.errors import CompatibilityError

MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]


class _Seed(nn.Module):
    """One seed's network and feedback, as ``functional_call`` wants them."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.network = engine.network
        self.feedback = engine.feedback
        self._engine = engine

    def forward(self, call: Callable[..., Any], *inputs: Tensor) -> Any:
        return call(self._engine, *inputs)


class SeedBatch:
    """Engines that differ in nothing but their seeds, stepped together.

    A learner's noise may depend on shapes, not on values: it is drawn before the passes are known.

    Args:
        engines: one for each seed, alike. Their weights are copied; read the trained ones with :meth:`write_back`.
        forward, feedback: make the element-wise optimiser (SGD, Adam, RMSprop) of a list of stacked weights.

    Raises:
        CompatibilityError: the rule has a training step of its own, the update steps several times, the learner solves
            for the maps, iterations differ by edge, or a block draws random numbers.
    """

    def __init__(self, engines: Sequence[Engine], forward: MakeOptimizer, feedback: MakeOptimizer) -> None:
        first = engines[0]
        if not isinstance(first.rule, DisplacementRule):
            raise CompatibilityError(f"{type(first.rule).__name__} steps in its own way", "train its seeds one by one")
        if not isinstance(first.update, SingleStep):
            raise CompatibilityError(f"{type(first.update).__name__} steps several times", "train its seeds one by one")
        if isinstance(first.learner, SolvingLearner):
            raise CompatibilityError(f"{type(first.learner).__name__} sets the maps", "train its seeds one by one")
        if first.iterations.by_edge is not None:
            raise CompatibilityError("a seed batch trains all edges together", "give one number of iterations")
        if drawing := [name for name, block in first.network.blocks.items() if block.draws]:
            what = f"block '{drawing[0]}' draws random numbers (dropout), each seed others"
            raise CompatibilityError(what, "train its seeds one by one")
        self._engines = list(engines)
        self._seeds = [_Seed(engine) for engine in engines]
        for seed in self._seeds:
            seed.network.backend = seed.feedback.backend = FUNCTIONAL
        self._parameters, self._buffers = stack_module_state(self._seeds)
        self._trained = {
            *(f"network.blocks.{name}" for name in first.forward_weights.trained),
            *(f"feedback.maps.{name}" for name in first.feedback_weights.trained),
        }
        self._forward = self._optimizer("network.blocks.", forward)
        self._feedback = self._optimizer("feedback.maps.", feedback)

    def train_batch(self, x: Tensor, y: Tensor, order: str = "targets_first") -> Tensor:
        """One minibatch of every seed: ``x`` (seeds, batch, ...), ``y`` (seeds, batch, ...); returns the outputs."""
        if order == "feedback_first":
            self._train_feedback(x)
        out: Tensor
        out, gradients = self._vmap(_forward_gradients, x, y)
        if order == "targets_first":
            self._train_feedback(x)
        self._step(self._forward, "network.blocks.", gradients)
        return out

    def write_back(self) -> None:
        """Copy the trained weights and running statistics into the engines."""
        with torch.no_grad():
            for i, seed in enumerate(self._seeds):
                for name, value in [*seed.named_parameters(), *seed.named_buffers()]:
                    value.copy_((self._parameters if name in self._parameters else self._buffers)[name][i])

    def _train_feedback(self, x: Tensor) -> None:
        engine = self._engines[0]
        if not isinstance(engine.learner, LossLearner):
            return
        example = engine.network.trace(x[0], update_buffers=False, graph=False)
        for _ in range(engine.iterations.together):
            noises = [each.noises(each.feedback.edges, example) for each in self._engines]
            gradients = self._vmap(_feedback_gradients, x, *_stack(noises))
            self._step(self._feedback, "feedback.maps.", gradients)

    def _vmap(self, call: Callable[..., Any], *inputs: Tensor) -> Any:
        state = {**{name: p.detach() for name, p in self._parameters.items()}, **self._buffers}

        def one(values: dict[str, Tensor], *own: Tensor) -> Any:
            return functional_call(self._seeds[0], values, (call, *own))

        return torch.func.vmap(one)(state, *inputs)

    def _optimizer(self, prefix: str, make: MakeOptimizer) -> torch.optim.Optimizer | None:
        found = [p for name, p in self._parameters.items() if name.startswith(prefix) and name in self._trained]
        return make(found) if found else None

    def _step(self, optimizer: torch.optim.Optimizer | None, prefix: str, gradients: dict[str, Tensor]) -> None:
        if optimizer is None:
            return
        for name, gradient in gradients.items():
            if prefix + name in self._trained:
                self._parameters[prefix + name].grad = gradient
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _forward_gradients(engine: Engine, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    assert isinstance(engine.rule, DisplacementRule) and isinstance(engine.update, SingleStep)  # SeedBatch saw to it
    trace = engine.network.trace(x)
    found = engine.rule.displacements(trace, engine.feedback, engine.batch(x, y), FilledDraw(()))
    return trace.output, engine.update.gradients(trace, found)


def _feedback_gradients(engine: Engine, x: Tensor, *flat: Tensor) -> dict[str, Tensor]:
    trace: Trace = engine.network.trace(x, update_buffers=False)
    edges: tuple[Edge, ...] = engine.feedback.edges
    each = len(flat) // len(edges)
    noises: list[Noise] = [flat[i * each : (i + 1) * each] for i in range(len(edges))]
    assert isinstance(engine.learner, LossLearner)
    found = engine.learner.gradients(edges, trace, engine.feedback, noises)
    pairs = zip(edges, found, strict=True)
    return {f"{edge.name}.{name}": value for edge, of_edge in pairs for name, value in of_edge.items()}


def _stack(noises: Sequence[Sequence[Noise]]) -> list[Tensor]:
    """Noise by seed, edge and sample as one list by edge and sample, each tensor (seeds, ...)."""
    return [torch.stack(list(of_seeds)) for edge in zip(*noises, strict=True) for of_seeds in zip(*edge, strict=True)]
