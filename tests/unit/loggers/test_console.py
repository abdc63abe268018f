"""The console: one line an epoch for everybody, a bar for terminals."""

from __future__ import annotations

import io

from rich.console import Console

from tpzoo.engine.logger import Logger, LogRecord, RunInfo, SilentLogger
from tpzoo.zoo.loggers.console import ConsoleLogger, build
from tpzoo.zoo.loggers.plugin import ConsoleSettings, tpzoo_loggers

EPOCH = {"train_loss": 0.12345, "test_accuracy": 0.9712, "valid_accuracy": 0.5, "bp_angle/fc1": 30.0}


def play(terminal: bool, progress: bool = True, resumed: int | None = None) -> str:
    text = io.StringIO()
    logger = ConsoleLogger(Console(file=text, force_terminal=terminal, width=120), progress)
    seconds = 10.0 if resumed else 0.0
    logger.start(RunInfo("demo [run]", None, "", epochs=12, steps_per_epoch=10, resumed=resumed, seconds=seconds), {})
    logger.log(LogRecord("step", 3, 25, {"train_loss": 0.777}, seconds + 1))
    logger.log(LogRecord("epoch", 3, 30, EPOCH, seconds + 2.5))
    logger.log(LogRecord("epoch", 4, 40, EPOCH, seconds + 6.0))
    logger.finish({"status": "done"})
    return text.getvalue()


def test_without_a_terminal_there_is_one_line_for_each_epoch() -> None:
    assert play(terminal=False).splitlines() == [
        "epoch  3/12  train loss 0.1235  valid 50.00 %  test 97.12 %  2.5 s",
        "epoch  4/12  train loss 0.1235  valid 50.00 %  test 97.12 %  3.5 s",
    ]


def test_a_terminal_gets_a_bar_with_the_current_figures() -> None:
    shown = play(terminal=True)
    assert "demo [run]" in shown
    assert "━" in shown
    assert "epoch  3/12" in shown


def test_the_bar_can_be_switched_off() -> None:
    assert "━" not in play(terminal=True, progress=False)


def test_a_resumed_run_says_so_and_times_only_its_own_epochs() -> None:
    lines = play(terminal=False, resumed=20).splitlines()
    assert lines[0] == "resumed at step 20"
    assert lines[1].endswith(" 2.5 s")


def test_the_base_logger_does_nothing() -> None:
    logger = SilentLogger()
    logger.start(RunInfo("demo", None, "", 1, 1), {})
    logger.log(LogRecord("step", 1, 1, {}))
    logger.finish({})


def test_the_records_build_loggers() -> None:
    assert isinstance(build(ConsoleSettings(), None), ConsoleLogger)
    for record in tpzoo_loggers():
        settings = record.config() if record.config else None
        assert isinstance(record.builder()(settings, None), Logger)
