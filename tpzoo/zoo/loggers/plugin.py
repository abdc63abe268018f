"""The loggers that come with tpzoo, and what each can be set to. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import RunLogger, hookimpl, setting


@dataclass(frozen=True)
class ConsoleSettings:
    """Settings of `console`."""

    progress: bool = setting(True, help="show a progress bar where the output is a terminal")


@hookimpl
def tpzoo_loggers() -> Iterator[RunLogger]:
    """All built-in loggers."""
    yield RunLogger(
        name="console",
        summary="a progress bar, and one line for each epoch",
        build="tpzoo.zoo.loggers.console:build",
        config=ConsoleSettings,
        provides=("terminal",),
    )
    yield RunLogger(
        name="csv",
        summary="every metric as a row of metrics.csv in the folder of the run",
        build="tpzoo.zoo.loggers.csv:build",
    )
