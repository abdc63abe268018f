"""The training loop: passes over the data, measurements, evaluation, and what the run came to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from tpzoo.assembly.experiment import Experiment
from tpzoo.engine.data import Split
from tpzoo.engine.draw import Streams
from tpzoo.engine.logger import Logger, LogRecord
from tpzoo.engine.probe import FeedbackSnapshot, Snapshot, looks_at_feedback, named_values
from tpzoo.errors import RunError
from tpzoo.runner.build import Built
from tpzoo.runner.details import Details
from tpzoo.runner.diagnose import broken_moments, broken_weights, name_the_culprit
from tpzoo.runner.evaluate import Score, Totals, evaluate
from tpzoo.runner.plan import Phase, make_plan
from tpzoo.runner.progress import Progress
from tpzoo.runner.steps import step_function
from tpzoo.runner.stopwatch import Stopwatch

S = TypeVar("S", Snapshot, FeedbackSnapshot)
REPORTS_PER_EPOCH = 20


class Training:
    """A run: the built parts, the plan, and how far it has come.

    Args:
        experiment: the config.
        built: what the config names.
        loggers: where metrics go.
    """

    def __init__(self, experiment: Experiment, built: Built, loggers: list[Logger]) -> None:
        self.experiment = experiment
        self.built = built
        self.loggers = loggers
        self.progress = Progress()
        engine = built.engine
        self.plan = make_plan(experiment.epochs, experiment.feedback_training, engine.feedback_learns)
        self._step = step_function(engine, built.device, experiment.cuda_graphs)
        self._watch = Stopwatch(built.device)
        self._started = time.perf_counter()
        self._stop = False
        self._due: Callable[[], bool] = _never

    @property
    def steps_per_epoch(self) -> int:
        """Minibatches in one pass; a short last one counts, unless it is left out (``drop_last``)."""
        return batches_in(self.experiment, len(self.built.data.train))

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stop = True

    def run(self, due: Callable[[], bool] | None = None) -> Iterator[Phase | None]:
        """Train to the end or until :meth:`stop`; yields whenever a checkpoint is to be saved.

        That is after every phase, which is yielded, and within a phase, where None is: when ``due()`` says so, and when
        the run was stopped. All weights are finite at these moments.

        Raises:
            RunError: the loss or a weight is no longer finite; the message names the block or edge where that began.
        """
        self._due = due or _never
        self._started = time.perf_counter() - self.progress.cursor.seconds
        while self.progress.cursor.phase < len(self.plan) and not self._stop:
            phase = self.plan[self.progress.cursor.phase]
            self.built.engine.network.train()
            for _ in self._pass_over(phase):
                yield None
            if self.progress.cursor.batch < self.steps_per_epoch:
                return
            self._watch.stop()
            if phase.kind == "train":
                self._end_training_pass(phase)
            self._end_pass(phase)
            if phase.ends_epoch:
                self._end_epoch(phase)
            self.progress.cursor.phase, self.progress.cursor.batch = self.progress.cursor.phase + 1, 0
            yield phase

    def _pass_over(self, phase: Phase) -> Iterator[None]:
        """Work on the batches that are left of a phase; yields before the last one whenever it can be left."""
        every = max(1, self.steps_per_epoch // REPORTS_PER_EPOCH)
        self._watch.seconds = self.progress.cursor.pass_seconds
        self._watch.start()
        for x, y in self._batches(phase):
            if phase.kind == "train":
                self._train(phase, x, y)
            else:
                self.built.engine.train_feedback_batch(x)
            self.progress.cursor.batch += 1
            if phase.kind == "train" and self.progress.cursor.batch % every == 0:
                with self._watch.paused():
                    score = _named("train", self._finite_score(phase, x))
                    self._log("step", phase.epoch, self.progress.cursor.step, score)
            last = self.progress.cursor.batch == self.steps_per_epoch
            if not (last or self._stop or self._due()):
                continue
            self._watch.stop()
            self.progress.cursor.pass_seconds = self._watch.seconds
            self._check(phase, x)
            self._note_time()
            if not last:
                yield
            if self._stop:
                return
            self._watch.start()

    def _batches(self, phase: Phase) -> Iterator[tuple[Tensor, Tensor]]:
        train, size = self.built.data.train, self.experiment.batch_size
        stream = Streams(self.experiment.seed, self.built.device).generator(phase.stream)
        order = torch.randperm(len(train), generator=stream, device=self.built.device)
        for batch in range(self.progress.cursor.batch, self.steps_per_epoch):
            rows = order[batch * size : (batch + 1) * size]
            draw = self.built.engine.streams.draw("augmentation")
            x = self.built.data.prepare(train.x[rows], self.built.dtype, draw)
            yield x, self.built.data.labels(train.y[rows])

    def _train(self, phase: Phase, x: Tensor, y: Tensor) -> None:
        step, last = self.progress.cursor.step, self._is_last_step(phase)
        due = [name for name, probe in self.built.probes.items() if last or step % probe.every == 0]
        of_maps = [name for name in due if looks_at_feedback(self.built.probes[name])]
        measured: dict[str, float] = {}

        def drawing(name: str, snapshot: S) -> S:
            """What is measured for the last step alone draws aside: a longer run would not have drawn it."""
            if step % self.built.probes[name].every == 0:
                return snapshot
            return replace(snapshot, draw=Streams(self.experiment.seed, self.built.device).draw("probes, last step"))

        def observe_feedback(snapshot: FeedbackSnapshot) -> None:
            with self._watch.paused():
                for name in of_maps:
                    found = named_values(name, self.built.probes[name].measure_feedback(drawing(name, snapshot)))
                    measured.update({key: value for key, value in found.items() if key not in measured})

        def observe(snapshot: Snapshot) -> None:
            with self._watch.paused():
                for name in due:
                    found = named_values(name, self.built.probes[name].measure(drawing(name, snapshot)))
                    if found:
                        self._log("probe", phase.epoch, self.progress.cursor.step + 1, found)
                due.clear()  # a rule may step many times in one batch

        out = self._step(x, y, phase.order, observe if due else None, observe_feedback if of_maps else None)
        if measured:
            self._log("probe", phase.epoch, step + 1, measured)
        self.progress.totals.add(out, y, self.built.engine.loss)
        self.progress.cursor.step += 1

    def _is_last_step(self, phase: Phase) -> bool:
        """Whether no training step of the run comes after this one."""
        later = self.plan[self.progress.cursor.phase + 1 :]
        return self.progress.cursor.batch == self.steps_per_epoch - 1 and all(each.kind != "train" for each in later)

    def _check(self, phase: Phase, x: Tensor) -> None:
        """Refuse to go on, and to save, with numbers that are not finite."""
        if phase.kind == "train":
            self._finite_score(phase, x)
        engine = self.built.engine
        culprit = (
            broken_weights(engine.network, engine.feedback)
            or broken_moments(engine.forward_weights, "block '{}'")
            or broken_moments(engine.feedback_weights, "the feedback map of edge '{}'")
        )
        if culprit:
            raise self._failure(f"training broke down in {_place(phase)}", culprit)

    def _finite_score(self, phase: Phase, x: Tensor) -> Score:
        score = self.progress.totals.score()
        self._require_finite(f"the training loss is {score.loss} in {_place(phase)}", score, x)
        return score

    def _require_finite(self, what: str, score: Score, x: Tensor) -> None:
        if not math.isfinite(score.loss):
            engine = self.built.engine
            culprit = name_the_culprit(engine.network, engine.feedback, x)
            raise self._failure(what, culprit)

    def _failure(self, what: str, culprit: str) -> RunError:
        what = f"{what}, by step {self.progress.cursor.step}: {culprit}"
        return RunError(what, "lower a learning rate or the step size; every checkpoint of this run is from before")

    def _end_training_pass(self, phase: Phase) -> None:
        score, results = self.progress.totals.score(), self.progress.results
        results.train_loss, results.train_accuracy = score.loss, score.accuracy
        self.progress.totals = Totals()
        self._note_time()
        self._log("rate", phase.epoch, self.progress.cursor.step, rates(self.built))
        for stepper in (self.built.forward, self.built.feedback):
            stepper.end_epoch()

    def _end_pass(self, phase: Phase) -> None:
        """Note what a pass took; pre-training (epoch 0) is no part of any epoch."""
        cursor = self.progress.cursor
        taken, cursor.pass_seconds = cursor.pass_seconds, 0.0
        self._log("time", phase.epoch, cursor.step, {f"{phase.kind}_pass_seconds": taken})
        cursor.train_seconds += taken if phase.epoch else 0.0

    def _end_epoch(self, phase: Phase) -> None:
        data, results = self.built.data, self.progress.results
        loss = math.nan if results.train_loss is None else results.train_loss
        values = _named("train", Score(loss, results.train_accuracy))
        test, details = self._evaluate(phase, "test", data.test)
        results.test_loss, results.test_accuracy = test.loss, test.accuracy
        self.progress.cursor.epoch = phase.epoch
        if data.validation is not None:
            valid, _ = self._evaluate(phase, "validation", data.validation)
            values.update(_named("valid", valid))
            results.note_best(phase.epoch, valid, test, self.experiment.checkpoint.monitor)
        values.update(_named("test", test))
        self._note_time()
        self._log("epoch", phase.epoch, self.progress.cursor.step, values)
        if phase.epoch == self.experiment.epochs:
            found = {f"test_{name}": value for name, value in details.values().items()}
            self._log("detail", phase.epoch, self.progress.cursor.step, found)

    def _evaluate(self, phase: Phase, name: str, split: Split) -> tuple[Score, Details]:
        built, size = self.built, self.experiment.evaluation_batch_size
        score, details = evaluate(built.engine.network, built.engine.loss, built.data, split, built.dtype, size)
        x = built.data.prepare(split.x[:size], built.dtype)
        self._require_finite(f"the {name} loss is {score.loss} after {_place(phase)}", score, x)
        return score, details

    def _log(self, event: str, epoch: int, step: int, values: dict[str, float]) -> None:
        record = LogRecord(event, epoch, step, values, time.perf_counter() - self._started)
        for logger in self.loggers:
            logger.log(record)

    def _note_time(self) -> None:
        self.progress.cursor.seconds = time.perf_counter() - self._started

    def state_dict(self) -> dict[str, Any]:
        """Everything but weights that a resumed run needs; loads with ``weights_only=True``."""
        return {
            "progress": self.progress.state_dict(),
            "streams": self.built.engine.streams.state_dict(),
            "forward": self.built.forward.state_dict(),
            "feedback": self.built.feedback.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.progress = Progress.of(state["progress"], self.built.device)
        self.built.engine.streams.load_state_dict(state["streams"])
        self.built.forward.load_state_dict(state["forward"])
        self.built.feedback.load_state_dict(state["feedback"])


def rates(built: Built) -> dict[str, float]:
    """The learning rates, ``lr/forward`` and ``lr/feedback``; ``lr/forward/fc1`` where blocks differ."""
    found: dict[str, float] = {}
    for name, by_member in (("forward", built.forward.rates()), ("feedback", built.feedback.rates())):
        if len(set(by_member.values())) == 1:
            found[f"lr/{name}"] = next(iter(by_member.values()))
        else:
            found.update({f"lr/{name}/{member}": rate for member, rate in by_member.items()})
    return found


def batches_in(experiment: Experiment, examples: int) -> int:
    """How many minibatches one pass over so many examples has."""
    whole, rest = divmod(examples, experiment.batch_size)
    return whole + (rest > 0 and not experiment.drop_last)


def _never() -> bool:
    return False


def _place(phase: Phase) -> str:
    kind = "the feedback training of " if phase.kind == "feedback" else ""
    return f"{kind}epoch {phase.epoch}" if phase.epoch else "the pre-training of the feedback"


def _named(split: str, score: Score) -> dict[str, float]:
    found = {"accuracy": score.accuracy, "balanced_accuracy": score.balanced_accuracy, "r2": score.r2}
    return {f"{split}_loss": score.loss} | {f"{split}_{name}": each for name, each in found.items() if each is not None}
