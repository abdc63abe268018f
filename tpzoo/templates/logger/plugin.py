"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import RunLogger, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    file: str = setting("my_entry.jsonl", pattern=r"[\w.-]+", help="name of the file in the folder of the run")


@hookimpl
def tpzoo_loggers() -> Iterator[RunLogger]:
    """Yield ``my_entry``."""
    yield RunLogger(
        name="my_entry",
        summary="one JSON object for each measurement",
        config=MyEntrySettings,
        build="tpzoo.templates.logger.logger:build",
    )
