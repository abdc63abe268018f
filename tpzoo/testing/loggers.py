"""Checks of loggers: a short run, an interruption, and how it goes on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tpzoo.engine import Logger, LogRecord, RunInfo
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.watching import global_generators_rest

SUMMARY = {"schema": 1, "status": "done", "seed": 0, "epochs": 2, "steps": 4, "test_accuracy": 0.5, "seconds": 1.0}


def record_of(step: int, event: str = "step") -> LogRecord:
    """What the runner would log at a step."""
    values = {"train_loss": 2.0 / step, "test_accuracy": 0.1 * step, "bp_angle/fc1": 10.0}
    return LogRecord(event, 1 + (step - 1) // 2, step, values, float(step))


def run(
    logger: Logger,
    folder: Path | None,
    steps: range,
    resumed: tuple[int, Mapping[str, Any]] | None = None,
    finish: bool = True,
) -> dict[int, dict[str, Any]]:
    """Two epochs of two steps, or a part of them; returns the logger's state after each step."""
    step, state = resumed or (None, {})
    logger.start(RunInfo("kit", folder, "name: kit\n", 2, 2, resumed=step, seconds=float(step or 0)), state)
    states = {}
    for step in steps:
        logger.log(record_of(step))
        logger.log(record_of(step, "probe"))
        if step % 2 == 0:
            logger.log(record_of(step, "epoch"))
        states[step] = logger.state()
    if finish:
        logger.finish(SUMMARY)
    return states


def whole_run(record: Record, stage: Stage) -> None:
    """A run from start to finish; no global generator moves and nothing is written outside of the run's folder."""
    with tempfile.TemporaryDirectory() as name:
        run(stage.make(record, Path(name)), Path(name), range(1, 2))  # what it imports may draw when it is first loaded
    with tempfile.TemporaryDirectory() as name, global_generators_rest("the logger"):
        folder = Path(name, "run")
        folder.mkdir()
        run(stage.make(record, folder), folder, range(1, 5))
        strangers = [path.name for path in Path(name).iterdir() if path != folder]
        require(not strangers, f"written outside of the run's folder: {', '.join(strangers)}")


def state_is_plain(record: Record, stage: Stage) -> None:
    """What a checkpoint keeps of a logger is plain: it survives JSON."""
    with tempfile.TemporaryDirectory() as name:
        logger = stage.make(record, Path(name))
        state = run(logger, Path(name), range(1, 3), finish=False)[2]
        require(isinstance(state, dict), f"state is a {type(state).__name__}, not a dict")
        try:
            again = json.loads(json.dumps(state))
        except TypeError as error:
            require(False, f"state holds something that is no plain number or text: {error}")
        require(again == state, "state is not the same after JSON")
        logger.finish(SUMMARY)


def resumes(record: Record, stage: Stage) -> None:
    """A run that was cut off after step 3 and goes on from a checkpoint at step 2 writes what an unbroken one does."""
    with tempfile.TemporaryDirectory() as name:
        whole, broken = Path(name, "whole"), Path(name, "broken")
        for folder in (whole, broken):
            folder.mkdir()
        run(stage.make(record, whole), whole, range(1, 5))
        states = run(stage.make(record, broken), broken, range(1, 4), finish=False)
        run(stage.make(record, broken), broken, range(3, 5), resumed=(2, states[2]))
        for path in sorted(whole.rglob("*.csv")):
            other = broken / path.relative_to(whole)
            same = other.exists() and other.read_text() == path.read_text()
            require(same, f"{path.name} of the resumed run is not that of the unbroken one")


def runs_without_a_folder(record: Record, stage: Stage) -> None:
    """A run that leaves nothing behind has no folder, and can still be logged."""
    run(stage.make(record, None), None, range(1, 5))


CHECKS = (whole_run, state_is_plain, resumes, runs_without_a_folder)
