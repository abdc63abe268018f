"""metrics.csv: exact values, whole records, and a file that resuming puts right."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tpzoo.engine.logger import LogRecord, RunInfo, SilentLogger
from tpzoo.zoo.loggers.csv import COLUMNS, CsvLogger, build


def make_run(resumed: int | None = None) -> RunInfo:
    return RunInfo("demo", None, "", epochs=2, steps_per_epoch=10, resumed=resumed)


def record(step: int, **values: float) -> LogRecord:
    return LogRecord("step", 1 + step // 10, step, values or {"train_loss": 1 / (1 + step)}, seconds=step / 7)


def write(path: Path, steps: range, resumed: int | None = None, state: Mapping[str, Any] | None = None) -> CsvLogger:
    logger = CsvLogger(path)
    logger.start(make_run(resumed), state or {})
    for step in steps:
        logger.log(record(step))
    return logger


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.open(newline="")))


def test_values_come_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    logger = CsvLogger(path)
    logger.start(make_run(), {})
    values = {"a": 0.1 + 0.2, "b": 1e-300, "c": math.pi, "d": math.nan, "e": -math.inf, 'comma, "quote"': 1}
    logger.log(LogRecord("probe", 1, 5, values, 1.25))
    header, *body = rows(path)
    assert tuple(header) == COLUMNS
    assert [row[3] for row in body] == list(values)
    for row, value in zip(body, values.values(), strict=True):
        assert float(row[4]) == value or math.isnan(value)
        assert row[:3] == ["probe", "1", "5"]
        assert row[5] == "1.250"


def test_a_record_is_in_the_file_as_soon_as_it_is_logged(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path / "metrics.csv")
    logger.start(make_run(), {})
    logger.log(record(1, train_loss=0.5, train_accuracy=0.25))
    assert len(rows(logger.path)) == 3


def test_a_new_run_begins_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write(path, range(5))
    write(path, range(2))
    assert len(rows(path)) == 3


@pytest.mark.parametrize("checkpoint", [0, 7, 12])
def test_a_resumed_file_equals_that_of_an_uninterrupted_run(tmp_path: Path, checkpoint: int) -> None:
    whole, resumed = tmp_path / "whole.csv", tmp_path / "resumed.csv"
    write(whole, range(20))
    state = write(resumed, range(checkpoint + 1)).state()
    write(resumed, range(checkpoint + 1, 13), resumed=checkpoint, state=state)  # the part that a kill makes void
    write(resumed, range(checkpoint + 1, 20), resumed=checkpoint, state=state)
    assert resumed.read_bytes() == whole.read_bytes()


def test_every_place_where_a_kill_can_cut_the_file_is_put_right(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    state = write(whole, range(4)).state()
    write(whole, range(4, 6), resumed=3, state=state)
    content = whole.read_bytes()
    for length in range(state["bytes"], len(content)):
        cut.write_bytes(content[:length])
        write(cut, range(4, 6), resumed=3, state=state)
        assert cut.read_bytes() == content


def test_a_file_that_lost_its_end_is_not_filled_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    state = write(path, range(4)).state()
    path.write_bytes(path.read_bytes()[: state["bytes"] // 2])
    write(path, range(0), resumed=3, state=state)
    assert b"\0" not in path.read_bytes()


def test_resuming_without_a_file_begins_one(tmp_path: Path) -> None:
    write(tmp_path / "metrics.csv", range(8, 10), resumed=7)
    assert len(rows(tmp_path / "metrics.csv")) == 3


def test_a_run_without_a_folder_logs_nowhere(tmp_path: Path) -> None:
    logger = build(None, None)
    logger.start(make_run(), {})
    logger.log(record(1))
    assert isinstance(logger, SilentLogger)
    assert isinstance(build(None, tmp_path), CsvLogger)
