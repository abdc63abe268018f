"""Every metric as a row of ``metrics.csv``: ``event,epoch,step,name,value,seconds``.

The long layout takes any number of probes and blocks without a change of columns. Values are written so that reading
them gives the same float64. The time has a column of its own: without it and the rows of event ``time``, two equal runs
write equal files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

from tpzoo import LoggedFile, Logger, LogRecord, RunInfo, SilentLogger
from tpzoo.errors import DataError

NAME = "metrics.csv"
COLUMNS = ("event", "epoch", "step", "name", "value", "seconds")


@final
class CsvLogger(Logger):
    """Appends the rows of a record in one write, so that a kill can cut at most the last record short."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length, self._digest = 0, hashlib.sha256()

    def start(self, run: RunInfo, state: Mapping[str, Any]) -> None:
        """Begin a new file, or cut it back to where it was at the checkpoint that the run continues from.

        Raises:
            DataError: the file is a link: what lies behind it may be anybody's.
        """
        if self.path.is_symlink():
            raise DataError(f"{self.path} is a link, and tpzoo writes over no file but its own", "remove the link")
        if run.resumed is None or not self.path.exists():
            self.path.write_bytes(_lines([COLUMNS]))
        else:
            length = self.path.stat().st_size
            os.truncate(self.path, min(length, int(state.get("bytes", length))))  # never longer: that would add zeros
        content = self.path.read_bytes()
        self._length, self._digest = len(content), hashlib.sha256(content)

    def state(self) -> dict[str, Any]:
        """How long the file is."""
        return {"bytes": self.path.stat().st_size if self.path.exists() else 0}

    def files(self) -> dict[str, LoggedFile]:
        """The file, as long as this logger made it."""
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.fsync(handle)  # or a power cut could leave a checkpoint that counts on rows which are lost
        finally:
            os.close(handle)
        return {self.path.name: LoggedFile(self._length, self._digest.hexdigest())}

    def log(self, record: LogRecord) -> None:
        """Append one row for each value."""
        where = (record.event, record.epoch, record.step)
        rows = [(*where, name, repr(float(value)), f"{record.seconds:.3f}") for name, value in record.values.items()]
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            self._append(handle, content := _lines(rows))
        finally:
            os.close(handle)
        self._length += len(content)
        self._digest.update(content)

    def _append(self, handle: int, content: bytes) -> None:
        length = os.fstat(handle).st_size
        try:
            _write_all(handle, content)
        except OSError as error:
            os.ftruncate(handle, length)  # half a row would make the file unreadable
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def build(settings: None, folder: Path | None) -> Logger:
    """A logger into the run's folder; one that does nothing for a run without a folder."""
    return CsvLogger(folder / NAME) if folder is not None else SilentLogger()


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _write_all(handle: int, content: bytes) -> None:
    while content:  # a write may take less than it was given, and says that the disk is full only at the next
        content = content[os.write(handle, content) :]
