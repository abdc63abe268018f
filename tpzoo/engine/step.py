"""One minibatch: the network, the feedback and everything that trains them, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo.engine.context import Context, ObserveStep, Order, Tensors
from tpzoo.engine.draw import Share, Streams, global_states, have_drawn, under_seed
from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.given_noise import GivenNoise
from tpzoo.engine.learner import Learner, LossLearner, Noise, SolvingLearner
from tpzoo.engine.network import UNSEEDED, Network, Trace
from tpzoo.engine.objective import Batch, Loss, Output
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.probe import FeedbackSnapshot, Snapshot
from tpzoo.engine.returns import CheckedBatch, Returns
from tpzoo.engine.rule import Rule
from tpzoo.engine.units import GradientUnits
from tpzoo.engine.update import Update
from tpzoo.errors import PluginError

Observe = Callable[[Snapshot], None]
ObserveFeedback = Callable[[FeedbackSnapshot], None]
MakeNoise = Callable[[Edge, Trace], Noise]
Watch = Callable[[Sequence[Edge], Trace, Sequence[Noise], dict[str, Tensor]], None]


@dataclass(frozen=True)
class Iterations:
    """How often the maps are trained on one batch.

    ``together`` counts rounds in which all edges step at once. Where ``by_edge`` is given it counts instead: edge by
    edge, in forward order of their targets, each as often as it says.
    """

    together: int = 1
    by_edge: Mapping[str, int] | None = None


@dataclass
class StepRecord:
    """What one training step computed. Hand an empty one to :meth:`Engine.train_batch`, which fills it.

    Attributes:
        displacements: d by node, as the rule gave them.
        forward: the forward gradients as the rule made them, by ``block.parameter``, one dict for every step.
        feedback: the same for the maps, by ``edge.parameter``; for a learner that solves, the solutions.
        losses: of the maps by edge, before each step of theirs.
        noise: what the learner drew for each step of the maps, by edge.
    """

    displacements: dict[str, Tensor] = field(default_factory=dict)
    forward: list[dict[str, Tensor]] = field(default_factory=list)
    feedback: list[dict[str, Tensor]] = field(default_factory=list)
    losses: list[dict[str, Tensor]] = field(default_factory=list)
    noise: list[dict[str, Noise]] = field(default_factory=list)

    def note(self, snapshot: FeedbackSnapshot) -> None:
        """Keep what a step of the maps computed."""
        self.feedback.append(_copied(snapshot.gradients))
        self.losses.append(dict(snapshot.losses))
        self.noise.append(dict(snapshot.noise))


@dataclass
class Engine:
    """Everything that one training step touches.

    Attributes:
        update: turns the rule's displacements into steps of the forward weights.
        forward_weights, feedback_weights: what steps the blocks, and what steps the feedback maps.
        streams: the run's named random streams.
        order: when the maps are trained, as the config says; ``forward_only`` under ``alternate_epochs``, whose maps
            are trained in epochs of their own.
        share: which rows of the whole batch this process holds, or None.
        draws: whether something in a step draws from torch's global generators, as dropout does: then each batch has a
            seed. Of blocks it is known when they are built, of all else after the first batch.
        units: divides forward gradients before they are clipped and stepped; None: they stay as they are.
        called: what to call the parts in errors, by place: ``{"rule": "rule 'my_rules/mine'"}``.
    """

    network: Network
    feedback: Feedback
    rule: Rule
    update: Update
    learner: Learner
    loss: Loss
    output: Output
    forward_weights: WeightStepper
    feedback_weights: WeightStepper
    streams: Streams
    iterations: Iterations = Iterations()
    order: Order = "targets_first"
    share: Share | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    units: GradientUnits | None = None

    def __post_init__(self) -> None:
        self.learner.prepare(self.feedback.edges)
        self._trainable = tuple(edge for edge in self.feedback.edges if any(True for _ in edge.map.parameters()))
        maps_differentiate = any(edge.map.differentiates_forward for edge in self.feedback.edges)
        self._graph = self.learner.differentiates_forward or maps_differentiate
        self.draws = any(self.network.block_of(node).draws for node in self.network.nodes)
        self._tried: set[Any] = set()
        self._returns: Returns | None = None

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All parts that hold weights or buffers, by the prefix of their names in a checkpoint."""
        names = ("network", "feedback", "learner", "rule", "update", "loss", "output")
        return {name: getattr(self, name) for name in names}

    @property
    def feedback_learns(self) -> bool:
        """Whether the learner trains the maps: it trains, the rule does not, and there are weights to train."""
        trains = isinstance(self.learner, LossLearner) and not self.rule.trains_feedback
        return trains and bool(self.feedback_weights.trained)

    def batch(self, x: Tensor, y: Tensor) -> Batch:
        """A batch with this engine's loss and output target."""
        if self._returns is not None:
            return CheckedBatch(x, y, self.loss, self.output, self._returns)
        return Batch(x, y, self.loss, self.output)

    def train_batch(
        self,
        x: Tensor,
        y: Tensor,
        order: Order | None = None,
        observe: Observe | None = None,
        observe_feedback: ObserveFeedback | None = None,
        *,
        noise: Mapping[str, Sequence[Noise]] | None = None,
        record: StepRecord | None = None,
    ) -> Tensor:
        """Train on one minibatch and return the output (batch, ...) that it had before the step.

        Args:
            x: inputs (batch, *input shape).
            y: labels (batch, ...).
            order: default the config's own.
            observe: gets a snapshot before every step of the forward weights.
            observe_feedback: gets one before every step of the maps.
            noise: the learner's noise by edge, one for each of its steps, in place of drawn noise.
            record: filled with what the step computes.

        Raises:
            SettingError: ``noise`` holds less, or more, than the step uses, or is of another form.
        """
        order = order or self.order
        given = self._given(noise)
        make_noise: MakeNoise = self._drawn if given is None else given
        watch = self._watch(record, observe_feedback)
        with self._batch(order, x, y):
            return self._train_batch(x, y, order, observe, make_noise, record, given, watch)

    def _train_batch(
        self,
        x: Tensor,
        y: Tensor,
        order: Order,
        observe: Observe | None,
        make_noise: MakeNoise,
        record: StepRecord | None,
        given: GivenNoise | None,
        watch: Watch | None,
    ) -> Tensor:
        context = self._context(self.batch(x, y), order, observe, make_noise, record, watch)
        trains = order != "forward_only"
        if self.learner.when == "data_free" and trains:
            self._train_feedback(x, None, make_noise, watch)
        self.rule.train_step(context)
        out = self._checked_output(context)
        if self.learner.when == "after_forward" and trains:
            self._train_feedback(x, None, make_noise, watch)
        if given is not None:
            given.require_used_up()
        return out

    def _checked_output(self, context: Context) -> Tensor:
        """The output that the rule's training pass had; a rule that made no pass, or no step, is refused."""
        if context.output is None:
            who = self.called.get("rule", type(self.rule).__name__)
            raise PluginError(f"{who} made no training pass in train_step", "call context.trace() or backprop()")
        if self._returns is None:
            return context.output
        if not self._returns.stepped and context.order != "feedback_only":
            who = f"{self._returns.name('rule', self.rule)} with {self._returns.name('update', self.update)}"
            raise PluginError(f"{who} moved no forward weight in a step", "call context.step() or context.update()")
        self._returns.losses(self.loss, context.output, context.batch.y)
        return context.output

    def train_feedback_batch(
        self,
        x: Tensor,
        observe_feedback: ObserveFeedback | None = None,
        *,
        noise: Mapping[str, Sequence[Noise]] | None = None,
        record: StepRecord | None = None,
    ) -> None:
        """Train only the maps on one minibatch; the network, running statistics included, is left alone.

        Arguments and errors are those of :meth:`train_batch`.
        """
        given = self._given(noise)
        with self._batch("feedback", x, x):
            self._train_feedback(x, None, given or self._drawn, self._watch(record, observe_feedback))
        if given is not None:
            given.require_used_up()

    def _given(self, noise: Mapping[str, Sequence[Noise]] | None) -> GivenNoise | None:
        return None if noise is None else GivenNoise(noise, self.learner, self.streams.device)

    def _watch(self, record: StepRecord | None, observe_feedback: ObserveFeedback | None) -> Watch | None:
        """What looks at each step of the maps before it is made."""
        observers = [each for each in (None if record is None else record.note, observe_feedback) if each is not None]
        if not observers:
            return None

        def watch(edges: Sequence[Edge], trace: Trace, noises: Sequence[Noise], gradients: dict[str, Tensor]) -> None:
            learner = self.learner
            assert isinstance(learner, LossLearner)
            pairs = list(zip(edges, noises, strict=True))
            losses = {edge.name: learner.loss(edge, trace, self.feedback, each).detach() for edge, each in pairs}
            noise = {edge.name: each for edge, each in pairs}
            parts = self.network, self.feedback, learner
            snapshot = FeedbackSnapshot(*parts, trace, gradients, losses, noise, self.streams.draw("probes"))
            for each in observers:
                each(snapshot)

        return watch

    def planned_noise(self, x: Tensor) -> dict[str, list[Noise]]:
        """The noise that the learner draws for one batch ``x`` (batch, ...), by edge, one for each of its steps."""
        if not self.feedback_learns:
            return {}
        found: dict[str, list[Noise]] = {}
        trace = self.network.trace(x, update_buffers=False, graph=False)
        for edges in self._rounds():
            for edge in edges:
                found.setdefault(edge.name, []).append(self._drawn(edge, trace))
        return found

    def _batch(self, kind: str, x: Tensor, y: Tensor) -> AbstractContextManager[None]:
        """Begin a batch: what draws by itself has its seed. The first one of a kind and a shape is looked at."""
        self.network.batch_seed = self.streams.next_batch()
        key = (kind, x.shape, x.dtype, y.shape)
        if type(x) is not Tensor:  # fake tensors hold no numbers
            return UNSEEDED
        if key not in self._tried:
            return self._first(key)
        return under_seed(self.network.batch_seed, self.streams.device) if self.draws else UNSEEDED

    @contextmanager
    def _first(self, key: Any) -> Iterator[None]:
        """Check what the parts return, and see whether something draws by itself."""
        device, self._returns = self.streams.device, Returns(self.called)
        try:
            with under_seed(self.network.batch_seed, device), self._returns.of_maps(self.feedback):
                before = global_states(device)
                yield
                self.draws = self.draws or have_drawn(before, device)
        finally:
            self._returns = None
        self._tried.add(key)

    def noises(self, edges: Sequence[Edge], trace: Trace) -> list[Noise]:
        """The noise of each edge, from its own stream."""
        return [self._drawn(edge, trace) for edge in edges]

    def _drawn(self, edge: Edge, trace: Trace) -> Noise:
        if not isinstance(self.learner, LossLearner):
            return ()
        drawn = self.learner.noise(edge, trace, self.streams.draw(f"noise/{edge.name}", self.share))
        if self._returns is not None:
            self._returns.noise(self.learner, edge, drawn)
        return drawn

    def _context(
        self,
        batch: Batch,
        order: Order,
        observe: Observe | None,
        make_noise: MakeNoise,
        record: StepRecord | None,
        watch: Watch | None,
    ) -> Context:
        def train_maps(x: Tensor, trace: Trace | None) -> None:
            if self.learner.when == "feedback":  # a learner that trains with the targets trains now
                self._train_feedback(x, trace, make_noise, watch)

        return Context(
            network=self.network,
            feedback=self.feedback,
            batch=batch,
            draw=self.streams.draw("rule", self.share),
            order=order,
            forward_weights=self.forward_weights,
            feedback_weights=self.feedback_weights,
            train_maps=train_maps,
            apply_update=self.update.step,
            observe=self._observer(batch, observe, record),
            divide=self.units.divide if self.units is not None else None,
            returns=self._returns,
        )

    def _observer(self, batch: Batch, observe: Observe | None, record: StepRecord | None) -> ObserveStep | None:
        if observe is None and record is None:
            return None

        def observed(trace: Trace | None, gradients: Tensors, displacements: Tensors) -> None:
            if record is not None:
                record.displacements.update(displacements)
                record.forward.append(_copied(gradients))
            if observe is not None:
                draw = self.streams.draw("probes")
                parts = self.network, self.feedback, self.learner
                observe(Snapshot(*parts, batch, trace, displacements, gradients, draw, self.update))

        return observed

    def _train_feedback(self, x: Tensor, trace: Trace | None, make_noise: MakeNoise, watch: Watch | None) -> None:
        """Train the maps, as often as the config says, on a pass of ``x``; on ``trace`` if it is given."""
        if not self.feedback_learns:
            return
        if trace is None:
            trace = self.network.trace(x, update_buffers=False, graph=self._graph)
        for edges in self._rounds():
            self._feedback_step(edges, trace, [make_noise(edge, trace) for edge in edges], watch)

    def _rounds(self) -> Iterator[Sequence[Edge]]:
        """The edges of every feedback step on one batch: of those whose maps have weights."""
        by_edge = self.iterations.by_edge
        if by_edge is None:
            for _ in range(self.iterations.together):
                yield self._trainable
            return
        for edge in sorted(self._trainable, key=lambda edge: self.network.position(edge.target)):
            for _ in range(by_edge[edge.name]):
                yield [edge]

    def _feedback_step(self, edges: Sequence[Edge], trace: Trace, noises: Sequence[Noise], watch: Watch | None) -> None:
        """One step of the maps of ``edges``."""
        learner = self.learner
        assert isinstance(learner, LossLearner)  # or feedback_learns is False
        if isinstance(learner, SolvingLearner):
            self._solve(learner, edges, trace, noises, watch)
            return
        found = learner.gradients(edges, trace, self.feedback, noises)
        if self._returns is not None:
            self._returns.by_edge(learner, "gradients", edges, found, values=True)
        gradients = _by_edge(edges, found)
        if watch is not None:
            watch(edges, trace, noises, gradients)
        self.feedback.moved()
        self.feedback_weights.step(gradients)

    @torch.no_grad()
    def _solve(
        self,
        learner: SolvingLearner,
        edges: Sequence[Edge],
        trace: Trace,
        noises: Sequence[Noise],
        watch: Watch | None,
    ) -> None:
        """Set the maps to what the learner finds."""
        found = learner.statistics(edges, trace, self.feedback, noises)
        if self._returns is not None:
            self._returns.by_edge(learner, "statistics", edges, found, values=False)
        means = self.feedback_weights.averaged(_by_edge(edges, found))
        values = [
            learner.solve(edge, {name: means[f"{edge.name}.{name}"] for name in of_edge})
            for edge, of_edge in zip(edges, found, strict=True)
        ]
        if self._returns is not None:
            self._returns.by_edge(learner, "solve", edges, values, values=True)
        solutions = _by_edge(edges, values)
        if watch is not None:
            watch(edges, trace, noises, solutions)
        self.feedback.moved()
        self.feedback_weights.assign(solutions)


def _by_edge(edges: Sequence[Edge], values: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Every edge's tensors in one dict, by ``edge.name``."""
    pairs = zip(edges, values, strict=True)
    return {f"{edge.name}.{name}": value for edge, of_edge in pairs for name, value in of_edge.items()}


def _copied(values: Tensors) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in values.items()}
