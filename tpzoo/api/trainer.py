"""A trainer for one's own loop: any network, any data, one call for each batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from tpzoo.api.build import MakeOptimizer, Task, built_for, step_with
from tpzoo.api.host import HostOptimizer
from tpzoo.api.own import is_choice
from tpzoo.assembly.maker import make, seeded
from tpzoo.assembly.method import Chosen
from tpzoo.config.loader import load
from tpzoo.config.single import settings_from
from tpzoo.cut.places import SplitAt
from tpzoo.engine.at_rest import at_rest, measured
from tpzoo.engine.draw import Streams, stream_seed
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.learner import Learner, Noise
from tpzoo.engine.network import Network
from tpzoo.engine.objective import Loss, Output
from tpzoo.engine.probe import Probe, Snapshot
from tpzoo.engine.rule import Rule
from tpzoo.engine.step import StepRecord
from tpzoo.engine.update import Update
from tpzoo.errors import RunError, SettingError

Choice = str | dict[str, Any]
NoiseByEdge = Mapping[str, Sequence[Noise]]


@dataclass(frozen=True)
class StepResult:
    """What one training step gave.

    Attributes:
        output: the network's output before the step, (batch, ...).
        loss: the mean loss of that output, a scalar.
        record: displacements, gradients, losses and noise, if they were asked for.
    """

    output: Tensor
    loss: Tensor
    record: StepRecord | None = None


@dataclass(frozen=True)
class Gradients:
    """What a step would hand to the optimisers, before they clip or divide it.

    Attributes:
        forward: by ``block.parameter``.
        feedback: by ``edge.parameter``; for a learner that solves, the solutions.
    """

    forward: dict[str, Tensor]
    feedback: dict[str, Tensor]


class Trainer(nn.Module):
    """Trains a network by target propagation, one batch at a time.

    It is a module: called, it is the network; it moves to a device, and its ``state_dict`` holds everything that a
    training needs to go on to the same bits: weights, maps, optimisers, schedules and random streams.

    Args:
        config: a recipe's name, a YAML file or a mapping, as :func:`tpzoo.load` takes it; None is the defaults. Its
            data set is not built, and its architecture only where no ``network`` is given.
        network: any ``nn.Module``, which is split at ``at`` and trained in place, or a result of :func:`tpzoo.split`.
        example: a batch of inputs as the network gets them, (batch, ...), or a pair of inputs and labels.
        settings: by dotted path, ``{"learner.sigma": 0.1}``, stronger than the config; a value by block or edge is
            replaced whole.
        rule, update, learner, output, loss: an entry's name, a mapping with ``name`` and settings, or an object.
        feedback: a name, a mapping, or a function ``make(network) -> Feedback``.
        optimizer: steps the network in place of the config's: a torch optimiser over its parameters, or what makes one
            from their list. The learning rate is the caller's own business then.
        feedback_optimizer: makes the one of the maps, from the list of their parameters.
        task: default ``regression`` for floating point labels of an example, else ``classification``.
        outputs: how many values the network has to give, where the config's architecture is built.
        at: as in :func:`tpzoo.split`.
        seed: of all that is drawn; default the config's.
        schedule_per: whether learning rates move at :meth:`end_epoch` or with every step. ``epochs`` of the config says
            how many of these there will be.
        device: default that of ``network``, else the config's.
        plugins: as ``--plugin`` names them.

    Attributes:
        network, feedback, learner, rule, update, loss, output: the parts.
        steps: how many training steps were made.

    Raises:
        CutError: the network cannot be split.
        ConfigError, CompatibilityError: as :func:`tpzoo.load`.
        SettingError: settings by block or edge do not fit the network (all are listed), or an argument is wrong.
    """

    def __init__(
        self,
        config: Path | str | Mapping[str, Any] | None = None,
        *,
        network: nn.Module | None = None,
        example: Tensor | tuple[Tensor, Tensor],
        settings: Mapping[str, Any] | None = None,
        rule: Choice | Rule | None = None,
        update: Choice | Update | None = None,
        learner: Choice | Learner | None = None,
        feedback: Choice | Callable[[Network], Feedback] | None = None,
        output: Choice | Output | None = None,
        loss: Choice | Loss | None = None,
        optimizer: torch.optim.Optimizer | MakeOptimizer | None = None,
        feedback_optimizer: MakeOptimizer | None = None,
        task: Task | None = None,
        outputs: int | None = None,
        at: SplitAt = "auto",
        seed: int | None = None,
        schedule_per: Literal["epoch", "step"] = "epoch",
        device: torch.device | str | None = None,
        plugins: Sequence[str] = (),
    ) -> None:
        super().__init__()
        axes = {"rule": rule, "learner": learner, "feedback": feedback, "output": output, "loss": loss}
        parts = {path: part for path, part in {**axes, "rule.update": update}.items() if part is not None}
        said: dict[str, Any] = {path: part for path, part in parts.items() if is_choice(part)}
        said |= {**({} if seed is None else {"seed": seed}), **(settings or {})}
        loaded = load(config, plugins=plugins, settings=said)
        objects = {path: part for path, part in parts.items() if not is_choice(part)}
        what = str(config) if isinstance(config, str | Path) else "the config"
        made = built_for(loaded, what, network, example, objects, task, outputs, at, device)
        self._assembled, self._names, self._catalogue = made.assembled, made.names, loaded.catalogue
        step_with(self._assembled, optimizer, feedback_optimizer, made.learnt)
        self._engine = self._assembled.engine
        self.network, self.feedback, self.learner = self._engine.network, self._engine.feedback, self._engine.learner
        self.rule, self.update = self._engine.rule, self._engine.update
        self.loss, self.output = self._engine.loss, self._engine.output
        self.steps, self._schedule_per = 0, schedule_per

    def forward(self, x: Tensor) -> Tensor:
        """The network's output (batch, ...) for inputs (batch, ...)."""
        return self.network(x)

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, x: Tensor) -> Tensor:
            """The network's output (batch, ...) for inputs (batch, ...)."""

    @property
    def streams(self) -> Streams:
        """The named random streams that every draw of a step comes from."""
        return self._engine.streams

    @property
    def blocks(self) -> list[str]:
        """The names of the blocks, from the input to the output."""
        return list(self._names.block or ())

    @property
    def edges(self) -> list[str]:
        """The names of the feedback edges, from the input to the output."""
        return list(self._names.edge or ())

    def step(self, x: Tensor, y: Tensor, *, noise: NoiseByEdge | None = None, record: bool = False) -> StepResult:
        """Train on one batch: the network and, as the config says, the maps.

        The modules' own mode holds: call :meth:`train` before, and after an evaluation.

        Args:
            x: inputs (batch, ...).
            y: labels: classes (batch,) of int64, or values like the output.
            noise: what the learner uses in place of what it would draw, by edge, one for each step of its map; see
                :meth:`draw_noise`.
            record: keep displacements, gradients, losses and noise.

        Raises:
            RunError: the loss is not finite; weights have moved all the same.
            SettingError: ``noise`` is not of the form that the step uses.
        """
        kept = StepRecord() if record else None
        with torch.enable_grad():
            out = self._engine.train_batch(x, y, noise=noise, record=kept)
        self.steps += 1
        if self._schedule_per == "step":
            self._end_unit()
        return StepResult(out, self._mean_loss(out, y), kept)

    def feedback_step(self, x: Tensor, *, noise: NoiseByEdge | None = None, record: bool = False) -> StepRecord | None:
        """Train only the maps on one batch of inputs; the network, running statistics included, is left alone.

        It makes nothing where there are no maps to train. Arguments are those of :meth:`step`.
        """
        kept = StepRecord() if record else None
        with torch.enable_grad():
            self._engine.train_feedback_batch(x, noise=noise, record=kept)
        return kept

    def _mean_loss(self, out: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            value = self._engine.loss.per_sample(out, y).mean()
        if not math.isfinite(float(value)):
            what = f"the loss is {float(value)} in step {self.steps}"
            raise RunError(what, "lower a learning rate or the step size, and go on from a state before it")
        return value

    def end_epoch(self) -> None:
        """Go to the learning rates of the next epoch, where they move by epoch."""
        if self._schedule_per == "epoch":
            self._end_unit()

    def _end_unit(self) -> None:
        for each in (self._assembled.forward, self._assembled.feedback):
            each.end_epoch()

    def rates(self) -> dict[str, dict[str, float]]:
        """The learning rates: ``{"forward": {block: rate}, "feedback": {edge: rate}}``."""
        return {"forward": self._assembled.forward.rates(), "feedback": self._assembled.feedback.rates()}

    # What a step would do, with nothing moved: weights, buffers and random streams are as before.

    def displacements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """d = target - output at every node that gets one, like the node's output.

        Raises:
            SettingError: the rule makes none (bp).
        """
        return dict(self._looked_at(x, y).displacements)

    def targets(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The target of every node that gets one, like the node's output; errors as :meth:`displacements`."""
        snapshot = self._looked_at(x, y)
        trace = snapshot.clean_trace()
        return {node: trace[node].out + d for node, d in snapshot.displacements.items()}

    def _looked_at(self, x: Tensor, y: Tensor) -> Snapshot:
        seen: list[Snapshot] = []
        with torch.enable_grad(), at_rest(self._engine):
            self._engine.train_batch(x, y, None, seen.append)
        found = next((each for each in seen if each.displacements), None)
        if found is None:
            raise SettingError(f"rule {type(self._engine.rule).__name__} gives the blocks no displacements")
        return found

    def gradients(self, x: Tensor, y: Tensor) -> Gradients:
        """What a step on this batch hands to the optimisers; of several steps of one weight in a batch, the first."""
        record = StepRecord()
        with torch.enable_grad(), at_rest(self._engine):
            self._engine.train_batch(x, y, record=record)
        return Gradients(*(_first(steps) for steps in (record.forward, record.feedback)))

    def draw_noise(self, x: Tensor) -> dict[str, list[Noise]]:
        """The noise that the next step on ``x`` would draw, by edge; the streams move on as in that step."""
        return self._engine.planned_noise(x)

    def measure(self, probe: str | Probe, x: Tensor, y: Tensor, **settings: Any) -> dict[str, float]:
        """What a probe says of a step on this batch, with nothing moved.

        Args:
            probe: an entry's name, with its ``settings``, or an object.

        Returns:
            By name, such as ``{"fc1": ...}``.
        """
        name, made = (probe, self._probe(probe, settings)) if isinstance(probe, str) else (type(probe).__name__, probe)
        found = measured(self._engine, {name: made}, x, y)
        return {key.removeprefix(f"{name}/"): value for key, value in found.items()}

    def _probe(self, name: str, settings: Mapping[str, Any]) -> Probe:
        record = self._catalogue.find("probe", name).record
        chosen = Chosen(record, settings_from(record, settings, self._catalogue))
        with seeded(self._engine.streams.seed, "init/probes"):
            found: Probe = make(chosen, names=self._names)
        return found

    # State, devices and hosts

    def get_extra_state(self) -> dict[str, Any]:
        """What ``state_dict`` holds besides weights: optimisers, schedules, streams, and how many steps were made."""
        return {
            "forward": self._assembled.forward.state_dict(),
            "feedback": self._assembled.feedback.state_dict(),
            "streams": self._engine.streams.state_dict(),
            "steps": self.steps,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`get_extra_state` gave."""
        self._assembled.forward.load_state_dict(state["forward"])
        self._assembled.feedback.load_state_dict(state["feedback"])
        self._engine.streams.load_state_dict(state["streams"])
        self.steps = int(state["steps"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Trainer:
        """Move weights as any module does, and with them what optimisers keep and where random numbers are drawn."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        engine, device = self._engine, next(self.network.parameters(), torch.empty(0)).device
        for stepper in (engine.forward_weights, engine.feedback_weights):
            if stepper.optimizer is not None:
                stepper.optimizer.load_state_dict(stepper.optimizer.state_dict())
        if device != engine.streams.device:
            moved = Streams(engine.streams.seed if not engine.streams.batches else _moved_seed(engine.streams), device)
            moved.batches = engine.streams.batches
            engine.streams = moved
        return self

    def host_optimizer(self) -> HostOptimizer:
        """One optimiser for a host of the loop, whose step is a training step; see :class:`HostOptimizer`."""
        optimizer = self._engine.forward_weights.optimizer
        groups: list[dict[str, Any]] = [] if optimizer is None else optimizer.param_groups
        return HostOptimizer(groups or [{"params": list(self.network.parameters()), "lr": 0.0}])


def _moved_seed(streams: Streams) -> int:
    """Generators of one device cannot go on on another: they begin anew, from the seed and the batches so far."""
    return stream_seed(streams.seed, f"moved after batch {streams.batches}")


def _first(steps: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for step in steps:
        found = {**step, **found}
    return found
