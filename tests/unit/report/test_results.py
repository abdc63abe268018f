"""The table of results, on runs whose figures are worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.run_folders import epochs, write_run
from tests.support.runs import run as train_run, toy, write_toy_data
from tpzoo.report import results
from tpzoo.report.document import DASH
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.results import ACCURACY, LAST, LOSS, NONE, ODD, Outcome, outcome
from tpzoo.report.runs import find_runs


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def only(folder: Path) -> Outcome:
    return outcome(methods_in(folder)[0].runs[0])


def classification(valid: list[float], test: list[float]) -> list[dict[str, float]]:
    """The lowest validation loss and the best test accuracy are in other epochs than the best validation accuracy."""
    n = len(valid)
    return epochs(
        train_loss=[1.0 / (i + 1) for i in range(n)],
        valid_loss=[float(i) for i in range(n)],
        valid_accuracy=valid,
        test_loss=[9.0] * n,
        test_accuracy=test,
    )


def test_the_best_validation_accuracy_chooses_and_nothing_else(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=classification([0.5, 0.75, 0.5], [0.875, 0.25, 0.5]))
    found = only(tmp_path)
    assert (found.chosen_by, found.epoch) == (ACCURACY, 2)
    assert (found.test, found.last_test, found.train_loss) == (75.0, 50.0, 0.5)


def test_what_a_run_monitored_chooses(tmp_path: Path) -> None:
    figures = epochs(valid_accuracy=[0.9, 0.8], valid_loss=[2.0, 1.0], test_accuracy=[0.5, 0.25])
    for monitor, epoch in (("auto", 1), ("valid_accuracy", 1), ("valid_loss", 2)):
        write_run(tmp_path / monitor, epochs=figures, config={"checkpoint": {"monitor": monitor}})
        (run,) = find_runs([tmp_path / monitor]).runs
        assert outcome(run).epoch == epoch


def test_of_equal_epochs_the_first_counts(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=classification([0.5, 0.75, 0.75, 0.75], [0.0, 0.25, 0.5, 0.75]))
    assert (only(tmp_path).epoch, only(tmp_path).test) == (2, 75.0)


def test_an_epoch_without_a_number_is_not_chosen(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=classification([0.5, math.nan, 0.25], [0.5, 1.0, 0.75]))
    assert (only(tmp_path).epoch, only(tmp_path).test) == (1, 50.0)


def test_without_validation_the_last_epoch_counts_and_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=epochs(train_loss=[1.0, 2.0], test_accuracy=[0.75, 0.5]))
    found = only(tmp_path)
    assert (found.chosen_by, found.epoch, found.test, found.last_test) == (LAST, 2, 50.0, 50.0)
    assert found.train_loss == 2.0
    (_, note) = results.section(methods_in(tmp_path)).text
    assert note == "Without validation data, so that the last epoch stands for the best: demo."


def test_a_regression_shows_losses(tmp_path: Path) -> None:
    figures = epochs(train_loss=[3.0, 2.0, 1.0], valid_loss=[4.0, 2.0, 3.0], test_loss=[5.0, 7.0, 6.0])
    write_run(tmp_path / "with", name="with", epochs=figures)
    found = only(tmp_path / "with")
    assert (found.chosen_by, found.epoch, found.test, found.last_test) == (LOSS, 2, 7.0, 6.0)
    grid = results.section(methods_in(tmp_path)).grids[0]
    assert grid.columns[1:3] == ["test loss at the best epoch", "last test loss"]
    assert grid.rows[0][1:4] == [f"7 ± {DASH}", f"6 ± {DASH}", f"2 ± {DASH}"]


def test_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    # chosen test errors 25, 50, 75 %: mean 50, deviations -25, 0, 25: sd sqrt(1250 / 2) = 25
    # last test errors 50, 50, 62.5 %: mean 54.1667, sd 7.2169; train losses 1, 1/2, 1/2: mean 2/3, sd 0.2887
    write_run(tmp_path / "0", seed=0, epochs=classification([0.9, 0.8], [0.75, 0.5]))
    write_run(tmp_path / "1", seed=1, epochs=classification([0.1, 0.2], [0.0, 0.5]))
    write_run(tmp_path / "2", seed=2, epochs=classification([0.1, 0.2, 0.1], [0.0, 0.25, 0.375]), config={"epochs": 2})
    made = results.section(methods_in(tmp_path))
    (row,) = made.grids[0].rows
    assert row == [
        "demo", "50.00 ± 25.00", "54.17 ± 7.22", "0.6667 ± 0.29", "1, 2, 2", DASH, "2-3", "3",
    ]  # fmt: skip
    table = made.tables[0]
    values = dict(zip(table.columns, table.rows[0], strict=True))
    assert (values["test_mean"], values["test_sd"], values["test_n"], values["seeds"]) == (50.0, 25.0, 3, 3)
    assert values["last_test_mean"] == pytest.approx(162.5 / 3)
    assert values["train_loss_sd"] == pytest.approx(math.sqrt(1 / 12))
    assert values["epoch_mean"] == pytest.approx(5 / 3)


def test_one_seed_has_a_dash_for_its_deviation(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=classification([0.5], [0.75]))
    made = results.section(methods_in(tmp_path))
    assert made.grids[0].rows[0][1] == f"25.00 ± {DASH}"
    values = dict(zip(made.tables[0].columns, made.tables[0].rows[0], strict=True))
    assert (values["test_mean"], values["test_sd"], values["test_n"]) == (25.0, None, 1)


def test_every_run_has_a_row_of_its_own(tmp_path: Path) -> None:
    for seed in (4, 5):
        write_run(tmp_path / str(seed), seed=seed, epochs=classification([0.5], [seed / 8]))
    table = results.section(methods_in(tmp_path)).tables[1]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["seed"], row["test"], row["folder"]) for row in rows] == [
        (4, 50.0, str(tmp_path / "4")), (5, 37.5, str(tmp_path / "5")),
    ]  # fmt: skip


def test_seconds_are_those_of_training_alone(tmp_path: Path) -> None:
    figures = epochs(test_loss=[1.0] * 4)
    write_run(tmp_path / "0", seed=0, epochs=figures, seconds=[100.0] * 4, passes=[1.0, 2.0, 3.0, 4.0])
    write_run(tmp_path / "1", seed=1, epochs=figures, seconds=[50.0] * 4, passes=[3.0] * 4)
    assert results.section(methods_in(tmp_path)).grids[0].rows[0][5] == "2.75"
    write_run(tmp_path / "other" / "0", name="one", epochs=figures[:1])
    assert results.section(methods_in(tmp_path / "other")).grids[0].rows[0][5] == DASH  # the run does not say


def test_seconds_are_those_of_the_summary(tmp_path: Path) -> None:
    """Feedback passes of an epoch count, pre-training does not."""
    training = ("epochs=2", "feedback_training.pretrain_epochs=1", "feedback_training.extra_epochs=1")
    summary = train_run(toy(write_toy_data(tmp_path), "rule=dtp", *training), tmp_path / "run")
    (run,) = find_runs([tmp_path / "run"]).runs
    assert sorted(run.times) == ["feedback_pass_seconds", "train_pass_seconds"]
    assert results.epoch_seconds(run) == pytest.approx(summary.seconds_per_epoch)
    assert summary.seconds_per_epoch == summary.train_seconds / 2


def test_a_run_that_ended_in_its_first_epoch_shows_dashes(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=[], probes={"bp_angle/fc1": {1: 2.0}})
    (row,) = results.section(methods_in(tmp_path)).grids[0].rows
    assert row == ["demo", *[f"{DASH} ± {DASH}"] * 3, DASH, DASH, "0", "0 of 1"]


STARTED = {"bp_angle/fc1": {1: 2.0}}
"""What a run has logged that stopped in its first epoch."""


def test_runs_that_are_not_done_are_in_no_mean(tmp_path: Path) -> None:
    # two that are done: test errors 20 and 21 %, mean 20.5, sd sqrt(0.5); 47 % after one of two epochs is none of them
    good = [classification([0.7, 0.8], [0.5, test]) for test in (0.80, 0.79)]
    for seed, figures in enumerate(good):
        write_run(tmp_path / str(seed), seed=seed, epochs=figures, passes=[3.0, 1.0])
    write_run(tmp_path / "2", seed=2, status="failed", epochs=[], config={"epochs": 2}, probes=STARTED)
    short = classification([0.5], [0.53])
    write_run(tmp_path / "3", seed=3, status="interrupted", epochs=short, config={"epochs": 2}, seconds=[9.0])
    (method,) = methods_in(tmp_path)
    made = results.section([method])
    (row,) = made.grids[0].rows
    assert row == ["demo", "20.50 ± 0.71", "20.50 ± 0.71", "0.5 ± 0", "2, 2", "2", "2", "2 of 4"]
    assert made.text[1:] == [
        f"Not done, and in no number of demo: {tmp_path / '2'} (failed, 0 of 2 epochs),"
        f" {tmp_path / '3'} (interrupted, 1 of 2 epochs)."
    ]
    values = dict(zip(made.tables[0].columns, made.tables[0].rows[0], strict=True))
    assert (values["test_mean"], values["test_n"]) == (pytest.approx(20.5), 2)
    assert (values["seeds"], values["runs"], values["done"], values["chosen_by"]) == (2, 4, 2, ACCURACY)
    table = made.tables[1]
    runs = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(run["seed"], run["counted"], run["chosen_by"]) for run in runs] == [
        (0, 1, ACCURACY), (1, 1, ACCURACY), (2, 0, NONE), (3, 0, ACCURACY),
    ]  # fmt: skip


def test_where_no_run_is_done_those_with_the_most_epochs_count_and_it_is_said(tmp_path: Path) -> None:
    for seed, tests in enumerate([[0.5], [0.5, 0.75], [0.5, 0.25]]):
        figures = classification([0.5, 0.6][: len(tests)], tests)
        write_run(tmp_path / str(seed), seed=seed, status="running", epochs=figures, config={"epochs": 3})
    made = results.section(methods_in(tmp_path))
    (row,) = made.grids[0].rows
    assert (row[1], row[-2], row[-1]) == ("50.00 ± 35.36", "2", "2 of 3, none done")
    (note,) = made.text[1:]
    assert note.startswith("No run of demo is done; its figures are of the 2 with the most epochs, 2 of 3 epochs: ")
    assert f"{tmp_path / '0'} (running, 1 of 3 epochs)" in note
    values = dict(zip(made.tables[0].columns, made.tables[0].rows[0], strict=True))
    assert (values["seeds"], values["runs"], values["done"]) == (2, 3, 0)


def test_without_an_epoch_nothing_is_said_of_validation_data(tmp_path: Path) -> None:
    data = {"data": {"name": "digits", "validation": 0.1}}
    write_run(tmp_path / "run", epochs=[], status="failed", config=data, probes=STARTED)
    found = only(tmp_path)
    assert (found.chosen_by, found.epoch, found.test) == (NONE, None, None)
    assert NONE == "no epoch completed"
    text = " ".join(results.section(methods_in(tmp_path)).text)
    assert "Without a completed epoch: demo." in text
    assert "Without validation data" not in text


def test_validation_figures_that_are_no_numbers_are_not_missing_data(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=epochs(valid_loss=[math.nan] * 2, test_loss=[4.0, 5.0]))
    assert (only(tmp_path).chosen_by, only(tmp_path).epoch, only(tmp_path).test) == (ODD, 2, 5.0)
    text = " ".join(results.section(methods_in(tmp_path)).text)
    assert "Without a validation metric that is a number" in text
    assert "Without validation data" not in text


def test_a_run_that_stopped_at_once_makes_no_classification_of_a_regression(tmp_path: Path) -> None:
    write_run(tmp_path / "0", seed=0, status="failed", epochs=[], probes=STARTED, config={"epochs": 1})
    write_run(tmp_path / "1", seed=1, epochs=epochs(test_loss=[4.0]))
    (grid,) = results.section(methods_in(tmp_path)).grids
    assert grid.columns[1] == "test loss at the best epoch"
    assert grid.rows[0][1] == f"4 ± {DASH}"


def test_classifications_and_regressions_have_tables_of_their_own_and_data_sets_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "a", name="a")
    write_run(tmp_path / "b", name="b", config={"data": {"name": "mnist"}})
    write_run(tmp_path / "c", name="c", epochs=epochs(test_loss=[1.0]))
    errors, losses = results.section(methods_in(tmp_path)).grids
    assert [row[:2] for row in errors.rows] == [["a", "digits"], ["b", "mnist"]]
    assert [row[0] for row in losses.rows] == ["c"]
    assert "data" not in losses.columns


def test_settings_that_differ_are_columns(tmp_path: Path) -> None:
    rules = [{"name": "dtp", "scale": 1}, {"name": "dtp", "scale": 2}, {"name": "bp"}]
    for i, rule in enumerate(rules):
        write_run(tmp_path / str(i), config={"rule": rule, "architecture": {"name": "mlp", "hidden": [i, 1]}})
    methods, runs = results.section(methods_in(tmp_path)).tables
    for table in (methods, runs):
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        assert [row["rule.name"] for row in rows] == ["dtp", "dtp", "bp"]
        assert [row["rule.scale"] for row in rows] == [1, 2, None]
        assert [row["architecture.hidden"] for row in rows] == ["[0, 1]", "[1, 1]", "[2, 1]"]
        assert "name" not in rows[0]


def test_an_epoch_whose_weights_are_gone_is_said_to_be(tmp_path: Path) -> None:
    write_run(tmp_path / "run", epochs=classification([0.5, 0.75, 0.5], [0.875, 0.25, 0.5]))
    (run,) = find_runs([tmp_path]).runs
    for kept, checkpoint, gone in ((None, "", False), ({2: "best", 3: "last"}, "best", False), ({3: "last"}, "", True)):
        found = outcome(replace(run, kept=kept))
        assert (found.epoch, found.checkpoint, found.is_gone) == (2, checkpoint, gone)
        said = " ".join(results.section([Method("demo", 0, [replace(run, kept=kept)])]).text)
        assert ("not kept" in said, f"{run.folder} (epoch 2)" in said) == (gone, gone)
