"""`tpzoo train`: a run from a config and overrides, its folder, and what is said about mistakes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.support.command import assert_message, inside


def test_the_folder_tells_the_whole_run(run: Path) -> None:
    names = {"config.yaml", "command.txt", "environment.json", "status.json", "summary.json", "metrics.csv"}
    assert names <= {path.name for path in run.iterdir()}
    assert json.loads((run / "status.json").read_text())["status"] == "done"
    assert (run / "command.txt").read_text().startswith("tpzoo train epochs=2")


def test_the_summary_keeps_its_contract(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert list(summary) == [
        "schema", "status", "config_hash", "seed", "device", "epochs", "steps", "parameters", "train_loss",
        "test_loss", "test_accuracy", "best_valid_accuracy", "best_valid_loss", "test_accuracy_at_best_valid",
        "test_loss_at_best_valid", "seconds", "train_seconds", "seconds_per_epoch",
    ]  # fmt: skip
    assert (summary["schema"], summary["status"], summary["seed"], summary["epochs"]) == (1, "done", 0, 2)
    assert summary["steps"] == 2 * 10  # 1,200 training digits in batches of 128
    assert summary["parameters"] == 64 * 8 + 8 + 8 * 10 + 10
    for name in ("test_accuracy", "best_valid_accuracy", "test_accuracy_at_best_valid"):
        assert 0 <= summary[name] <= 1


def test_the_metrics_hold_epochs_and_angles(run: Path) -> None:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    accuracies = [float(row["value"]) for row in rows if row["name"] == "test_accuracy"]
    assert len(accuracies) == 2
    assert accuracies[-1] == json.loads((run / "summary.json").read_text())["test_accuracy"]
    assert {row["name"] for row in rows if row["event"] == "probe"} == {"bp_angle/fc1", "bp_angle/fc2"}


def test_the_resolved_config_gives_the_same_run(run: Path, tmp_path: Path) -> None:
    done = inside("train", run / "config.yaml", "--run-dir", tmp_path / "again", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")

    def figures(folder: Path) -> list[list[str]]:
        with (folder / "metrics.csv").open(newline="") as file:
            return [row[:-1] for row in csv.reader(file) if row[0] != "time"]

    assert figures(tmp_path / "again") == figures(run)


def test_a_run_without_run_dir_goes_below_runs(tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text("epochs: 1\narchitecture: {name: mlp, hidden: [4]}\nrule: bp\n")
    assert inside("train", config, "--quiet", cwd=tmp_path).returncode == 0
    (folder,) = (tmp_path / "runs" / "tiny").iterdir()
    assert (folder / "summary.json").is_file()


def test_an_earlier_run_is_not_overwritten(run: Path) -> None:
    before = (run / "summary.json").read_bytes()
    assert_message(inside("train", "epochs=1", "--run-dir", run), "is not empty", "--resume")
    assert (run / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["seeed=3"], ["seeed", "seed"]),
        (["rule=dpt"], ["dpt", "dtp"]),
        (["epochs=many"], ["epochs"]),
        (["no/such/config.yaml"], ["no/such/config.yaml"]),
        (["--plugin", "no_such_file.py"], ["no_such_file.py"]),
        (["--resume", "no/such/folder"], ["no/such/folder", "not the folder of a run"]),
        (["configs/demo.yaml", "--resume", "a"], ["--resume"]),
        (["--checkpoint", "best"], ["--checkpoint", "--resume"]),
        (["data=mnist", "data.root=no/such/folder"], ["no/such/folder", "data.download=true"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_mistakes_get_a_message_and_no_run(tmp_path: Path, overrides: list[str], parts: list[str]) -> None:
    assert_message(inside("train", *overrides, cwd=tmp_path), *parts)
    assert not list(tmp_path.glob("runs/**/summary.json"))
