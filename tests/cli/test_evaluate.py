"""`tpzoo evaluate`: a run's own figures, again, from its folder."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import assert_message, inside


def evaluate(run: Path, *overrides: str) -> dict[str, Any]:
    done = inside("evaluate", run, *overrides, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def logged(run: Path, epoch: int, name: str) -> float:
    """What the run itself measured after an epoch."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["event"], row["epoch"]) == ("epoch", str(epoch))]
    return float(next(row["value"] for row in rows if row["name"] == name))


def test_the_last_checkpoint_has_the_figures_of_the_summary(run: Path) -> None:
    summary, found = json.loads((run / "summary.json").read_text()), evaluate(run)
    assert (found["split"], found["checkpoint"], found["examples"]) == ("test", "last", 297)
    assert (found["epoch"], found["step"]) == (summary["epochs"], summary["steps"])
    assert (found["loss"], found["accuracy"]) == (summary["test_loss"], summary["test_accuracy"])


@pytest.mark.parametrize("epoch", [1, 2])
def test_every_kept_epoch_has_the_figures_of_the_log(run: Path, epoch: int) -> None:
    test = evaluate(run, "--checkpoint", f"epoch-{epoch}")
    valid = evaluate(run, "--checkpoint", f"epoch-{epoch:04d}", "--split", "validation")
    assert test["epoch"] == valid["epoch"] == epoch
    assert (test["loss"], test["accuracy"]) == (logged(run, epoch, "test_loss"), logged(run, epoch, "test_accuracy"))
    assert (valid["loss"], valid["examples"]) == (logged(run, epoch, "valid_loss"), 300)


def test_the_best_checkpoint_is_the_one_of_the_summary(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert evaluate(run, "--checkpoint", "best")["accuracy"] == summary["test_accuracy_at_best_valid"]
    best = evaluate(run, "--checkpoint", "best", "--split", "validation")["accuracy"]
    assert best == summary["best_valid_accuracy"]


def test_people_get_a_line(run: Path) -> None:
    done = inside("evaluate", run, "--split", "train")
    assert done.stdout.startswith("train: loss ")
    assert "1200 examples" in done.stdout


def test_a_run_can_be_moved_and_nothing_in_it_changes(run: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(run, tmp_path / "moved"))
    before = {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    assert evaluate(moved, "device=cpu") == {**evaluate(run), "run": str(moved)}
    assert before == {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}


@pytest.mark.parametrize("override", ["evaluation_batch_size=7", "cuda_graphs=true", "precision=float64"])
def test_how_it_is_computed_may_change(run: Path, override: str) -> None:
    assert evaluate(run, override)["accuracy"] == evaluate(run)["accuracy"]


def test_mistakes_get_a_message(run: Path, tmp_path: Path) -> None:
    assert_message(inside("evaluate", tmp_path), "not the folder of a run")
    assert_message(inside("evaluate", run, "--checkpoint", "epoch-7"), "epoch-0007", "epoch-0001, epoch-0002, last")
    assert_message(inside("evaluate", run, "--split", "tset"), "tset", "validation")
    refused = inside("evaluate", run, "architecture.hidden=[9]", "seed=3")
    assert_message(refused, "seed, architecture.hidden cannot be changed", "precision")
    damaged = Path(shutil.copytree(run, tmp_path / "damaged"))
    name = json.loads((damaged / "checkpoints" / "labels.json").read_text())["last"]
    weights = damaged / "checkpoints" / name / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert_message(inside("evaluate", damaged), "damaged")


def test_a_run_without_validation_says_so(tmp_path: Path) -> None:
    assert inside("train", "epochs=0", "rule=bp", "--quiet", "--run-dir", tmp_path / "run").returncode == 0
    assert_message(
        inside("evaluate", tmp_path / "run", "--split", "validation"), "this run held no validation split out"
    )


def test_a_probe_is_a_mean_over_the_batches_with_nothing_moving(run: Path) -> None:
    """Against the same probe on each batch of the stored order, of a network that was put together by hand."""
    from tpzoo.config import load
    from tpzoo.engine import Snapshot
    from tpzoo.runner.build import build
    from tpzoo.runner.checkpoint import Checkpoints, put_back
    from tpzoo.runner.session import modules_of

    asked = ("--split", "validation", "--probe", "gnt_damping_search", "probes.gnt_damping_search.dampings=[0.1,10]")
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = evaluate(run, *asked, "--probe", "bp_angle")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files
    loaded = load(run / "config.yaml", asked[4:])
    built = build(loaded.experiment, loaded.catalogue)
    put_back(modules_of(built), Checkpoints(run / "checkpoints", loaded.hash).load("last").weights)
    angles: list[float] = []
    split = built.data.validation
    assert split is not None
    size = loaded.experiment.batch_size
    for start in range(0, len(split), size):

        def observe(snapshot: Snapshot) -> None:
            angles.append(float(built.probes["gnt_damping_search"].measure(snapshot)["fc1/0.1"]))

        x = built.data.prepare(split.x[start : start + size], built.dtype)
        saved = Checkpoints(run / "checkpoints", loaded.hash).load("last").weights
        built.engine.train_batch(x, split.y[start : start + size], observe=observe)
        put_back(modules_of(built), saved)
    measured = found["probes"]["gnt_damping_search/fc1/0.1"]
    assert measured["batches"] == len(angles) == -(-300 // size)
    assert measured["mean"] == pytest.approx(sum(angles) / len(angles), rel=1e-4)
    assert "bp_angle/fc1" in found["probes"]
    done = inside("evaluate", run, *asked)
    assert "gnt_damping_search/fc1/10" in done.stdout


def test_a_probe_that_is_not_there_is_named(run: Path) -> None:
    assert_message(inside("evaluate", run, "--probe", "bp_angel"), "bp_angle")
