"""What a logger is told during a run."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from tpzoo.files import LoggedFile


@dataclass(frozen=True)
class RunInfo:
    """A run that is about to start.

    Attributes:
        name: of the recipe.
        folder: of the run; None for a run that leaves nothing behind.
        config_yaml: the resolved config.
        epochs: how many the run will have done at its end.
        steps_per_epoch: training steps in each.
        resumed: the step of the checkpoint that the run continues from; None for a new run.
        seconds: spent before that checkpoint.
    """

    name: str
    folder: Path | None
    config_yaml: str
    epochs: int
    steps_per_epoch: int
    resumed: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class LogRecord:
    """Metrics of one moment.

    Attributes:
        event: ``step`` (means over the epoch so far), ``epoch`` (after an epoch and its evaluation), ``probe``,
            ``rate`` (learning rates of the epoch, after its training pass), ``time`` (what a pass took), ``detail``
            (after the last epoch: what stands behind the test score), or any other.
        epoch: epochs begun, from 1; 0 before the first (pre-training of the feedback).
        step: training steps completed since the start of the run.
        values: numbers by name. Known names are ``train_loss``, ``train_accuracy``, ``valid_loss``,
            ``valid_accuracy``, ``test_loss`` and ``test_accuracy``, with ``valid_balanced_accuracy`` and
            ``test_balanced_accuracy``, and of a regression ``valid_r2`` and ``test_r2``; probes use ``probe/name``.
            Details are ``test_recall/CLASS``, ``test_confusion/LABEL/OUTPUT`` (counts above 0), ``test_rmse/TARGET``
            and ``test_r2/TARGET``; rates ``lr/forward`` and ``lr/feedback``, with ``/block`` or ``/edge`` where they
            differ; times ``train_pass_seconds`` and ``feedback_pass_seconds``, without evaluation, probes and logs.
        seconds: since the start of the run, earlier parts of a resumed run included.
    """

    event: str
    epoch: int
    step: int
    values: Mapping[str, float]
    seconds: float = 0.0


class Logger(abc.ABC):
    """Where metrics go. Only :meth:`log` must be written; the other methods do nothing here.

    The runner hands over a record before it saves a checkpoint of the same step, and not again after resuming there.
    """

    def start(self, run: RunInfo, state: Mapping[str, Any]) -> None:  # noqa: B027 - may be left out
        """The run starts, or goes on if ``run.resumed`` is set: then forget what was logged after ``state`` was taken.

        ``state`` is what :meth:`state` returned when the checkpoint was saved; empty for a new run.
        """

    @abc.abstractmethod
    def log(self, record: LogRecord) -> None:
        """Take a record."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: how far the log has come, in plain numbers and strings."""
        return {}

    def files(self) -> Mapping[str, LoggedFile]:
        """The files in the run's folder that it appends to, by name, as they are now and on the disk.

        A checkpoint's manifest keeps them: a run goes on, and a report is made, only of files that still begin so.
        """
        return {}

    def finish(self, summary: Mapping[str, Any]) -> None:  # noqa: B027 - may be left out
        """The run ended; ``summary`` is the content of ``summary.json``, its ``status`` included.

        Both files are written by now, so that what is raised here costs a line and no more.
        """


@final
class SilentLogger(Logger):
    """Writes nothing: for a run that leaves nothing behind."""

    def log(self, record: LogRecord) -> None:
        """Forget it."""
