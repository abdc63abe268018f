"""Where the golden tests meet tpzoo: a recipe becomes an engine on a stored batch, and three routes compute results.

* ``definition``: blocks by autograd, displacements by the base class's difference g(u + d) - g(u), the learner's loss
  differentiated by the base class, SGD written out.
* ``fast``: what the chosen components do in their own way.
* ``step``: one call of ``Engine.train_batch``, which is handed its noise.

Everything is addressed by position, 0 for the lowest node: a block by the place of its node, an edge by the node it
reaches. How tpzoo names blocks, edges and parameters is read from what was built, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import tpzoo

torch.set_num_threads(1)

BACKENDS = ("autograd", "functional")
ROUTES = ("definition", "fast", "step")
PLAIN_SGD = "{name: sgd, lr: 1.0, momentum: 0.0, weight_decay: 0.0, divide_by_step_size: false}"
ONE_STEP = (f"optimizer.forward={PLAIN_SGD}", f"optimizer.feedback={PLAIN_SGD}")
"""Both optimisers subtract the gradient itself, so that a step shows it."""

Noises = Mapping[int, Sequence[tuple[Tensor, ...]]]
"""What the learner adds, by the node that an edge reaches, one tuple for each feedback step."""


@dataclass
class Found:
    """What one route computed. Lists run from the lowest node up; feedback results are listed by feedback step.

    Attributes:
        activations: the output of every node.
        indices: the pool indices of nodes that pool, by position.
        loss, error: the mean loss, and its gradient at the output.
        displacements, local_losses: by position.
        forward: gradients by ``block.parameter``.
        forward_weights: after the step.
        feedback_losses: by the node that an edge reaches.
        feedback, feedback_weights: gradients before, and weights after each step, by ``edge.parameter``.
    """

    activations: list[Tensor] = field(default_factory=list)
    indices: dict[int, Tensor] = field(default_factory=dict)
    loss: Tensor = torch.empty(0)  # noqa: RUF009 - never changed
    error: Tensor = torch.empty(0)  # noqa: RUF009
    displacements: dict[int, Tensor] = field(default_factory=dict)
    local_losses: dict[int, Tensor] = field(default_factory=dict)
    forward: dict[str, Tensor] = field(default_factory=dict)
    forward_weights: dict[str, Tensor] = field(default_factory=dict)
    feedback_losses: list[dict[int, Tensor]] = field(default_factory=list)
    feedback: list[dict[str, Tensor]] = field(default_factory=list)
    feedback_weights: list[dict[str, Tensor]] = field(default_factory=list)


@dataclass(frozen=True)
class Equations:
    """The numbers of a method that the definition needs, given apart from the config that the engine was built from.

    Attributes:
        output_step: d_L = -output_step times the gradient of the mean loss.
        local_loss: of every block: ``half_sum``, ``sum`` or ``mean`` of its squared displacement.
        damping: of exact Gauss-Newton targets; None for targets from a feedback path.
        forward_rate, forward_decay: of SGD, for the blocks.
        feedback_rates: of SGD, by the node that an edge reaches.
        momentum: of the feedback weights; the forward weights step once, and have none yet.
        feedback_first: whether targets are made after the feedback steps.
    """

    output_step: float = 1.0
    local_loss: tuple[str, ...] = ()
    damping: float | None = None
    forward_rate: float = 1.0
    forward_decay: float = 0.0
    feedback_rates: Mapping[int, float] = field(default_factory=dict)
    momentum: float = 0.0
    feedback_first: bool = False


@cache
def _experiment(recipe: str, overrides: tuple[str, ...]) -> Any:
    return tpzoo.load(recipe, overrides, _catalogue())


@cache
def _catalogue() -> Any:
    return tpzoo.load(None).catalogue


class Assembled:
    """A recipe's engine in float64, and the batch that it looks at.

    Args:
        recipe: its name.
        overrides: ``key=value``; ``<p>`` in one stands for the name of the edge that reaches the node at position p.
        x, y: inputs and labels.
    """

    def __init__(
        self, recipe: str, overrides: Sequence[str], x: Tensor, y: Tensor, classes: int, backend: str = "autograd"
    ) -> None:
        self.x, self.y = x, y
        self._spec = tpzoo.DataSpec(tuple(x.shape[1:]), classes, "classification")
        plain = tuple(each for each in overrides if "<" not in each)
        if len(plain) < len(overrides):
            names = {f"<{p}>": edge.name for p, edge in self._built(recipe, plain, backend).items()}
            overrides = [_replaced(each, names) for each in overrides]
        self._built(recipe, tuple(overrides), backend)

    def _built(self, recipe: str, overrides: tuple[str, ...], backend: str) -> dict[int, tpzoo.Edge]:
        loaded = _experiment(recipe, overrides)
        made = tpzoo.assemble(loaded.experiment, loaded.catalogue, self._spec, dtype=torch.float64, backend=backend)
        self.engine = made.engine
        self.network, self.feedback = self.engine.network, self.engine.feedback
        self.nodes = [node.name for node in self.network.nodes]
        self.edges = {self.network.position(edge.target): edge for edge in self.feedback.edges}
        assert len(self.edges) == len(self.feedback.edges)
        return self.edges

    # Names and weights

    def block_parameters(self, position: int, kind: str) -> list[str]:
        """``block.parameter`` of the weights, or biases, of the block at that place, in the order of its layers."""
        block = self.network.nodes[position].block
        return _of_kind(self.engine.forward_weights.values(), block, kind)

    def edge_parameters(self, reached: int, kind: str) -> list[str]:
        """``edge.parameter`` of the weights, or biases, of the map that reaches that node, first layer first."""
        return _of_kind(self.engine.feedback_weights.values(), self.edges[reached].name, kind)

    def forward_names(self, first: int) -> dict[str, str]:
        """Our names of W_k and b_k by the papers', whose lowest layer has the index ``first``."""
        return {
            f"{letter}_{p + first}": name
            for letter, kind in (("W", "weight"), ("b", "bias"))
            for p in range(len(self.nodes))
            for name in self.block_parameters(p, kind)
        }

    def feedback_names(self, first: int, letters: Sequence[str] = ("Q", "d", "P", "c")) -> dict[str, str]:
        """Our names of the maps' weights by the papers'; the map that reaches the lowest layer has the index ``first``.

        Args:
            letters: of weights and biases, of a map's last layer and then of the layer before it.
        """
        found = {}
        for p in self.edges:
            for kind, of_kind in (("weight", letters[::2]), ("bias", letters[1::2])):
                for letter, name in zip(of_kind, reversed(self.edge_parameters(p, kind)), strict=False):
                    found[f"{letter}_{p + first}"] = name
        return found

    def set_weights(self, values: Mapping[str, Tensor]) -> None:
        """Set weights of blocks and edges; those of maps that the method lacks are refused."""
        forward = self.engine.forward_weights.values()
        self.engine.forward_weights.set_values({name: v for name, v in values.items() if name in forward})
        self.engine.feedback_weights.set_values({name: v for name, v in values.items() if name not in forward})

    def set_random_features(self, weight: Tensor, bias: Tensor) -> None:
        """Set V and c of the one module of fixed random features that the maps share."""
        (shared,) = self.feedback.shared.values()
        with torch.no_grad():
            for buffer in shared.buffers():
                buffer.copy_(weight if buffer.ndim > 1 else bias)

    # The three routes

    def run(self, route: str, noises: Noises, equations: Equations) -> Found:
        """What the route of that name computes."""
        if route == "step":
            return self._step(noises)
        return self._parts(noises, equations, fast=route == "fast")

    def _parts(self, noises: Noises, equations: Equations, fast: bool) -> Found:
        found, trace = Found(), self.network.trace(self.x)
        if fast:
            look, targets, train = self._look, self._targets, self._train
        else:
            look, targets, train = self._look_plainly, self._targets_plainly, self._train_plainly
        look(found, trace)
        for stage in [train, targets] if equations.feedback_first else [targets, train]:
            stage(found, trace, noises, equations)
        if fast:
            self.engine.forward_weights.step(found.forward)
            found.forward_weights = self.engine.forward_weights.values()
        return found

    def _look(self, found: Found, trace: tpzoo.Trace) -> None:
        out, batch = trace.output, self.engine.batch(self.x, self.y)
        found.activations = [trace[node].out for node in self.nodes]
        found.indices = {p: aux for p, node in enumerate(self.nodes) for aux in trace[node].aux.values()}
        found.loss = batch.loss.per_sample(out, self.y).mean()
        found.error = batch.error(out) / len(out)

    def _look_plainly(self, found: Found, trace: tpzoo.Trace) -> None:
        h = self.x
        for node in self.network.nodes:
            h = self.network.block_of(node)(h)
            found.activations.append(h.detach())
        found.indices = {p: aux for p, node in enumerate(self.nodes) for aux in trace[node].aux.values()}
        out = h.detach().requires_grad_()
        found.loss = cross_entropy(out, self.y)
        (found.error,) = torch.autograd.grad(found.loss, out)

    def _targets(self, found: Found, trace: tpzoo.Trace, noises: Noises, equations: Equations) -> None:
        rule, update, batch = self.engine.rule, self.engine.update, self.engine.batch(self.x, self.y)
        if not isinstance(rule, tpzoo.DisplacementRule):
            _, found.forward = self.network.loss_gradients(self.x, batch.error)
        else:
            draw = tpzoo.Draw(torch.Generator())
            with torch.no_grad():
                d = rule.displacements(trace, self.feedback, batch, draw)
            self._keep_displacements(found, trace, d)
            found.forward = update.gradients(trace, d)

    def _keep_displacements(self, found: Found, trace: tpzoo.Trace, d: Mapping[str, Tensor]) -> None:
        found.displacements = {self.network.position(node): value for node, value in d.items()}
        losses = self.engine.update.losses(trace, d)
        found.local_losses = {self.network.position(node): value for node, value in losses.items()}

    def _targets_plainly(self, found: Found, trace: tpzoo.Trace, noises: Noises, equations: Equations) -> None:
        parameters = dict(self.network.blocks.named_parameters())
        if not equations.local_loss:
            losses = [cross_entropy(self.network(self.x), self.y)]
        else:
            found.displacements = self._displacements_plainly(found, trace, equations)
            losses = []
            for p, d in sorted(found.displacements.items()):
                node, target = self.network.nodes[p], found.activations[p] + d
                error = (self.network.block_of(node)(found.activations[p - 1] if p else self.x) - target).square()
                share = {"half_sum": 0.5, "sum": 1.0, "mean": 1.0 / error[0].numel()}[equations.local_loss[p]]
                losses.append(share * error.sum() / len(error))
                found.local_losses[p] = losses[-1].detach()
        gradients = torch.autograd.grad(torch.stack(losses).sum(), list(parameters.values()))
        found.forward = dict(zip(parameters, gradients, strict=True))
        found.forward_weights = {
            name: p.detach() - equations.forward_rate * (found.forward[name] + equations.forward_decay * p.detach())
            for name, p in parameters.items()
        }

    @torch.no_grad()
    def _displacements_plainly(self, found: Found, trace: tpzoo.Trace, equations: Equations) -> dict[int, Tensor]:
        last = len(self.nodes) - 1
        d = {last: -equations.output_step * found.error}
        if equations.damping is not None:
            for p in range(last):
                d[p] = self._gauss_newton(p, found.activations[p], d[last], equations.damping)
            return {**d, last: d[last] / (1 + equations.damping)}
        for p, edge in sorted(self.edges.items(), reverse=True):
            above = d[self.network.position(edge.source)]
            d[p] = tpzoo.FeedbackMap.difference(edge.map, above, self.feedback.at(edge, trace))
        return d

    def _gauss_newton(self, position: int, h: Tensor, d_output: Tensor, damping: float) -> Tensor:
        """J^T (J J^T + damping I)^-1 d_L of every sample; pinv(J) d_L without damping."""

        def rest(each: Tensor) -> Tensor:
            out = each.unsqueeze(0)
            for node in self.network.nodes[position + 1 :]:
                out = self.network.block_of(node)(out)
            return out[0]

        with torch.enable_grad():
            jacobians = torch.func.vmap(torch.func.jacrev(rest))(h)
        if damping == 0:
            return torch.einsum("bij,bj->bi", torch.linalg.pinv(jacobians), d_output)
        gram = jacobians @ jacobians.mT + damping * torch.eye(d_output.shape[1], dtype=h.dtype)
        return torch.einsum("bji,bj->bi", jacobians, torch.linalg.solve(gram, d_output))

    def _train(self, found: Found, trace: tpzoo.Trace, noises: Noises, equations: Equations) -> None:
        edges = [edge for p, edge in self.edges.items() if p in noises]
        for step in range(_count(noises)):
            given = [noises[self.network.position(edge.target)][step] for edge in edges]
            gradients = self.engine.learner.gradients(edges, trace, self.feedback, given)
            found.feedback.append(_joined(edges, gradients))
            self.engine.feedback_weights.step(found.feedback[-1])
            found.feedback_weights.append(self.engine.feedback_weights.values())

    def _train_plainly(self, found: Found, trace: tpzoo.Trace, noises: Noises, equations: Equations) -> None:
        learner, velocity = self.engine.learner, dict[str, Tensor]()
        for step in range(_count(noises)):
            losses, gradients = {}, dict[str, Tensor]()
            for p in noises:
                edge, noise = self.edges[p], noises[p][step]
                losses[p] = learner.loss(edge, trace, self.feedback, noise).detach()
                own = tpzoo.LossLearner.gradients(learner, [edge], trace, self.feedback, [noise])
                gradients.update(_joined([edge], own))
            weights = self.engine.feedback_weights.values()
            for p in noises:
                for name in [each for each in gradients if each.startswith(f"{self.edges[p].name}.")]:
                    velocity[name] = equations.momentum * velocity.get(name, 0.0) + gradients[name]
                    weights[name] = weights[name] - equations.feedback_rates[p] * velocity[name]
            self.engine.feedback_weights.set_values(weights)
            found.feedback_losses.append(losses)
            found.feedback.append(gradients)
            found.feedback_weights.append(weights)

    def _step(self, noises: Noises) -> Found:
        found, record, seen = Found(), tpzoo.StepRecord(), list[tpzoo.Snapshot]()
        named = {self.edges[p].name: list(steps) for p, steps in noises.items()}
        out = self.engine.train_batch(self.x, self.y, observe=seen.append, noise=named, record=record)
        (snapshot,), (found.forward,) = seen, record.forward
        trace = snapshot.trace or self.network.trace(self.x)  # rule bp makes no pass that is cut at the blocks
        if snapshot.trace is not None:
            self._look(found, trace)
            self._keep_displacements(found, trace, record.displacements)
            assert torch.equal(out, trace.output)
        found.forward_weights = self.engine.forward_weights.values()
        found.feedback = _by_step(record.feedback)
        found.feedback_weights = [self.engine.feedback_weights.values()]
        return found


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for mark, name in names.items():
        text = text.replace(mark, name)
    return text


def _of_kind(weights: Mapping[str, Tensor], member: str, kind: str) -> list[str]:
    return [name for name in weights if name.startswith(f"{member}.") and name.endswith(f".{kind}")]


def _count(noises: Noises) -> int:
    return max(map(len, noises.values()), default=0)


def _joined(edges: Sequence[tpzoo.Edge], gradients: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    pairs = zip(edges, gradients, strict=True)
    return {f"{edge.name}.{name}": value for edge, of_edge in pairs for name, value in of_edge.items()}


def _by_step(recorded: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    """The gradients of every edge's first step together, then of its second, also where edges stepped one by one."""
    found: list[dict[str, Tensor]] = []
    for gradients in recorded:
        for name, value in gradients.items():
            step = next((each for each in found if name not in each), None)
            if step is None:
                found.append(step := {})
            step[name] = value
    return found
