"""A progress bar over all steps, and one line for each epoch that stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tpzoo import Logger, LogRecord, RunInfo
from tpzoo.zoo.loggers.plugin import ConsoleSettings

LABELS = {
    "train_loss": "train loss",
    "train_accuracy": "train",
    "valid_loss": "valid loss",
    "valid_accuracy": "valid",
    "test_loss": "test loss",
    "test_accuracy": "test",
}


@final
class ConsoleLogger(Logger):
    """Writes to the terminal; where there is none, only the line of each epoch.

    Args:
        console: where to write.
        progress: whether a terminal gets a bar.
    """

    def __init__(self, console: Console, progress: bool = True) -> None:
        self._console = console
        self._wants_bar = progress and console.is_terminal
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._epochs = 0
        self._before = 0.0

    def start(self, run: RunInfo, state: Mapping[str, Any]) -> None:
        """Show the bar, at the step that the run continues from."""
        self._epochs, self._before = run.epochs, run.seconds
        if run.resumed is not None:
            self._print(f"resumed at step {run.resumed}")
        if not self._wants_bar:
            return
        name, now = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[now]"))
        self._bar = Progress(name, BarColumn(), TimeRemainingColumn(), now, console=self._console, transient=True)
        total = run.epochs * run.steps_per_epoch
        self._task = self._bar.add_task(run.name, total=total, completed=run.resumed or 0, now="")
        self._bar.start()

    def log(self, record: LogRecord) -> None:
        """Move the bar; after an epoch, print its line."""
        if self._bar is not None:
            now = describe(record.values) if record.event == "step" else self._bar.tasks[0].fields["now"]
            self._bar.update(self._task, completed=record.step, now=now)
        if record.event == "epoch":
            self._print(self._line(record))
            self._before = record.seconds

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _line(self, record: LogRecord) -> str:
        width = len(str(self._epochs))
        seconds = record.seconds - self._before
        return f"epoch {record.epoch:{width}}/{self._epochs}  {describe(record.values)}  {seconds:.1f} s"

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def build(settings: ConsoleSettings, folder: Path | None) -> ConsoleLogger:
    """A logger to the standard output."""
    return ConsoleLogger(Console(), settings.progress)


def describe(values: Mapping[str, float]) -> str:
    """The known metrics, in a fixed order: losses with four digits, accuracies in per cent."""
    shown = (f"{label} {_number(name, values[name])}" for name, label in LABELS.items() if name in values)
    return "  ".join(shown)


def _number(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name.endswith("accuracy") else f"{value:.4f}"
