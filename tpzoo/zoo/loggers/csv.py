"""Every figure as a row of ``metrics.csv``: ``event,epoch,step,name,value,seconds``.

The long layout takes any number of probes and blocks without a change of columns. Values are written so that reading
them gives the same float64. The time has a column of its own: without it, two equal runs write equal files.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from tpzoo.engine.logger import Logger, LogRecord, RunInfo

NAME = "metrics.csv"
COLUMNS = ("event", "epoch", "step", "name", "value", "seconds")
STEP = COLUMNS.index("step")


class CsvLogger(Logger):
    """Appends the rows of a record in one write, so that a kill can cut at most the last record short."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, run: RunInfo) -> None:
        """Begin a new file, or drop the rows after the checkpoint that the run continues from."""
        if run.resumed is None or not self.path.exists():
            _replace(self.path, _lines([COLUMNS]))
        else:
            self.resume(run.resumed)

    def resume(self, step: int) -> None:
        """Drop what was written after ``step``, a row that was cut short included."""
        kept = []
        for line in self.path.read_text("utf-8", errors="replace").splitlines(keepends=True)[1:]:
            row = next(csv.reader([line]), [])
            if line.endswith("\n") and len(row) == len(COLUMNS) and row[STEP].isdigit() and int(row[STEP]) <= step:
                kept.append(row)
        _replace(self.path, _lines([COLUMNS, *kept]))

    def log(self, record: LogRecord) -> None:
        """Append one row for each value."""
        where = (record.event, record.epoch, record.step)
        rows = [(*where, name, repr(float(value)), f"{record.seconds:.3f}") for name, value in record.values.items()]
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _write_all(handle, _lines(rows))
        finally:
            os.close(handle)


def build(settings: None, folder: Path | None) -> Logger:
    """A logger into the run's folder; one that does nothing for a run without a folder."""
    return CsvLogger(folder / NAME) if folder is not None else Logger()


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _write_all(handle: int, content: bytes) -> None:
    while content:  # a write may take less than it was given, and says that the disk is full only at the next
        content = content[os.write(handle, content) :]


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
