"""The figure of a run: what is drawn, and what is said when nothing can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import pyplot

from tpzoo.engine.logger import LogRecord, RunInfo
from tpzoo.errors import DataError
from tpzoo.report import learning
from tpzoo.report.metrics import read_metrics
from tpzoo.zoo.loggers.csv import CsvLogger


def write_run(folder: Path, angles: bool = True, accuracy: bool = True) -> Path:
    logger = CsvLogger(folder / "metrics.csv")
    logger.start(RunInfo("demo", folder, "", 3, 10), {})
    for epoch in (1, 2, 3):
        if angles:
            logger.log(LogRecord("probe", epoch, 10 * epoch - 5, {"bp_angle/fc1": 40.0 - epoch, "bp_angle/fc2": 5.0}))
        values = {"train_loss": 1 / epoch} | ({"test_accuracy": 0.9 + epoch / 100} if accuracy else {})
        logger.log(LogRecord("epoch", epoch, 10 * epoch, values))
    return folder


def test_series_come_back_by_name(tmp_path: Path) -> None:
    series = read_metrics(write_run(tmp_path))
    assert list(series) == ["bp_angle/fc1", "bp_angle/fc2", "train_loss", "test_accuracy"]
    assert series["bp_angle/fc1"].steps == [5, 15, 25]
    assert series["bp_angle/fc1"].values == [39.0, 38.0, 37.0]
    assert series["train_loss"].epochs == [1, 2, 3]
    assert list(read_metrics(tmp_path, "epoch")) == ["train_loss", "test_accuracy"]


@pytest.mark.parametrize("angles", [True, False])
@pytest.mark.parametrize("accuracy", [True, False])
def test_a_png_is_drawn(tmp_path: Path, angles: bool, accuracy: bool) -> None:
    out = learning.draw_run(write_run(tmp_path, angles, accuracy), tmp_path / "figure.png")
    pixels = pyplot.imread(out)
    assert pixels.shape[1] == (1200 if angles else 600)
    assert pyplot.get_fignums() == []


def test_the_curves_are_the_numbers(tmp_path: Path) -> None:
    series = read_metrics(write_run(tmp_path))
    figure, axes = pyplot.subplots()
    learning.draw_learning_curve(axes, series)
    assert list(axes.lines[0].get_ydata()) == pytest.approx([91.0, 92.0, 93.0])
    learning.draw_angles(axes, {"fc1": series["bp_angle/fc1"]})
    assert list(axes.lines[1].get_ydata()) == [39.0, 38.0, 37.0]
    pyplot.close(figure)


def test_the_command_says_where_the_figure_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figure.png"
    assert learning.main([str(write_run(tmp_path)), str(out)]) == 0
    assert str(out) in capsys.readouterr().out


def test_mistakes_get_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert learning.main([str(tmp_path), str(tmp_path / "a.png")]) == 2
    assert "holds no metrics.csv" in capsys.readouterr().err
    assert learning.main([]) == 2
    with pytest.raises(DataError, match="cannot be drawn"):
        learning.draw_run(write_run(tmp_path), tmp_path / "figure.nothing")
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a file of the logger csv"):
        learning.draw_run(tmp_path, tmp_path / "figure.png")
