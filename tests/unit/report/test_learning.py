"""Learning curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.run_folders import epochs, write_run
from tpzoo.report import learning
from tpzoo.report.document import Section
from tpzoo.report.methods import make_methods
from tpzoo.report.runs import find_runs


def section(folder: Path) -> Section:
    return learning.section(make_methods(find_runs([folder]).runs)[0])


def test_errors_are_means_over_seeds_in_per_cent(tmp_path: Path) -> None:
    for seed, last in enumerate([0.75, 0.25]):
        figures = epochs(
            train_loss=[4.0, 1.0], valid_accuracy=[0.5, 0.5], test_accuracy=[0.5, last], valid_loss=[1.0, 1.0]
        )
        write_run(tmp_path / str(seed), seed=seed, epochs=figures)
    made = section(tmp_path)
    figure = made.figures[0].draw()
    assert [axes.get_title() for axes in figure.axes] == ["validation error (%)", "test error (%)", "train loss"]
    assert np.asarray(figure.axes[1].lines[0].get_ydata()).tolist() == [50.0, 50.0]
    assert np.asarray(figure.axes[2].lines[0].get_ydata()).tolist() == [4.0, 1.0]
    rows = [row[1:] for row in made.tables[0].rows if row[0] == "test error (%)"]
    assert rows == [["demo", seed, seed, epoch, error] for seed, errors in enumerate([(50, 25), (50, 75)])
                    for epoch, error in enumerate(errors, 1)]  # fmt: skip
    assert made.left_out == []


def test_regressions_and_classifications_have_panels_of_their_own(tmp_path: Path) -> None:
    write_run(tmp_path / "a", name="a", epochs=epochs(train_loss=[2.0], test_loss=[1.0], test_accuracy=[0.5]))
    write_run(tmp_path / "b", name="b", epochs=epochs(train_loss=[2.0], test_loss=[1.0], valid_loss=[1.0]))
    figure = section(tmp_path).figures[0].draw()
    lines = {axes.get_title(): [line.get_label() for line in axes.lines] for axes in figure.axes}
    assert lines == {"test error (%)": ["a"], "validation loss": ["b"], "test loss": ["b"], "train loss": ["a", "b"]}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", name="a")
    assert section(tmp_path).left_out == ["validation curves: no run has validation data"]
    write_run(tmp_path / "b" / "c", epochs=[], probes={"bp_angle/fc1": {1: 1.0}})
    made = section(tmp_path / "b")
    assert made.is_empty
    assert made.left_out == ["learning curves: no run has metrics of an epoch"]


def test_losses_over_orders_of_magnitude_get_a_logarithmic_axis(tmp_path: Path) -> None:
    write_run(tmp_path / "a", epochs=epochs(train_loss=[100.0, 1.0], test_accuracy=[0.0, 1.0]))
    figure = section(tmp_path).figures[0].draw()
    assert {axes.get_title(): axes.get_yscale() for axes in figure.axes} == {
        "test error (%)": "linear", "train loss": "log",
    }  # fmt: skip


def test_runs_that_are_not_done_bend_no_curve(tmp_path: Path) -> None:
    """A mean over seeds that lack later epochs would jump where they end."""
    write_run(tmp_path / "0", seed=0, status="failed", epochs=epochs(test_loss=[9.0]), config={"epochs": 2})
    write_run(tmp_path / "1", seed=1, epochs=epochs(test_loss=[4.0, 3.0]))
    made = section(tmp_path)
    assert [row[4:] for row in made.tables[0].rows] == [[1, 4.0], [2, 3.0]]


def test_a_run_without_an_epoch_hides_no_curve_of_a_regression(tmp_path: Path) -> None:
    probes = {"bp_angle/fc1": {1: 1.0}}
    write_run(tmp_path / "0", seed=0, status="failed", epochs=[], probes=probes, config={"epochs": 1})
    write_run(tmp_path / "1", seed=1, epochs=epochs(train_loss=[2.0], test_loss=[1.0]))
    assert [axes.get_title() for axes in section(tmp_path).figures[0].draw().axes] == ["test loss", "train loss"]
