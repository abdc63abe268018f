"""Every record as one line of JSON: ``{"event", "epoch", "step", "seconds", ...metrics}``."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from tpzoo import Logger, LogRecord, RunInfo, SilentLogger
from tpzoo.templates.logger.plugin import MyEntrySettings


@final
class MyEntryLogger(Logger):
    """Appends a line for each record."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, run: RunInfo, state: Mapping[str, Any]) -> None:
        """Begin a new file, or cut it back to where it was at the checkpoint that the run continues from."""
        self.path.touch()
        os.truncate(self.path, 0 if run.resumed is None else min(self.state()["bytes"], state.get("bytes", 0)))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: how long the file is."""
        return {"bytes": self.path.stat().st_size if self.path.exists() else 0}

    def log(self, record: LogRecord) -> None:
        """Append one line."""
        place = {"event": record.event, "epoch": record.epoch, "step": record.step, "seconds": record.seconds}
        with self.path.open("a") as file:
            file.write(json.dumps({**place, **record.values}) + "\n")


def build(settings: MyEntrySettings, folder: Path | None) -> Logger:
    """A logger into the run's folder; one that does nothing for a run without a folder."""
    return MyEntryLogger(folder / settings.file) if folder is not None else SilentLogger()
