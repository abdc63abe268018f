"""A run in one call, opened again, exported, made longer, and started from another one's weights."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tpzoo
from tests.support.command import tpzoo as command
from tpzoo.digests import file_digest

DEMO = str(Path(__file__).parents[2] / "configs" / "demo.yaml")
SHORT: dict[str, Any] = {"epochs": 2, "architecture": {"hidden": [12, 8]}, "feedback_training": {"pretrain_epochs": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(folder: Path) -> tpzoo.Run:
    return tpzoo.train(DEMO, "data.validation=200", run_dir=folder / "one", quiet=True, **SHORT)


def files(path: Path) -> dict[str, Any]:
    """What two equal runs have in common: everything but times."""
    rows = [row[:5] for row in csv.reader((path / "metrics.csv").open()) if row[0] != "time"]
    weights = {each.name: file_digest(each / "weights.safetensors") for each in (path / "checkpoints").glob("step-*")}
    labels = json.loads((path / "checkpoints" / "labels.json").read_text())
    return {"rows": rows, "weights": weights, "labels": labels, "config": (path / "config.yaml").read_text()}


# A run in one call


def test_it_is_the_run_of_the_command_line(run: tpzoo.Run, tmp_path: Path) -> None:
    line = ["epochs=2", "architecture.hidden=[12,8]", "feedback_training.pretrain_epochs=1", "data.validation=200"]
    done = command("train", DEMO, *line, "--run-dir", str(tmp_path / "cli"), "--quiet")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "cli") == files(run.path)
    assert tpzoo.open_run(tmp_path / "cli").config_hash == run.config_hash
    assert (run.path / "command.txt").read_text().startswith(f"tpzoo train {DEMO} data.validation=200 epochs=2")


def test_settings_come_as_texts_keywords_and_paths(tmp_path: Path) -> None:
    made = tpzoo.train(
        {"data": "digits"}, "epochs=3", run_dir=tmp_path / "run", quiet=True, epochs=1, rule="bp",
        settings={"architecture.hidden": [4], "seed": 7},
    )  # fmt: skip
    assert (made.config.epochs, made.config.rule.name, made.seed) == (1, "tpzoo/bp", 7)
    assert list(made.config.architecture.hidden) == [4]
    with pytest.raises(tpzoo.ConfigError, match="Did you mean 'epochs'"):
        tpzoo.train(DEMO, epoch=1, run_dir=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_progress_and_notices_are_said_or_not(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tpzoo.train(DEMO, epochs=1, rule="bp", run_dir=tmp_path / "said")
    said = capfd.readouterr()
    assert "epoch 1/1" in said.out
    assert "uses no feedback" in said.err
    tpzoo.train(DEMO, epochs=1, rule="bp", run_dir=tmp_path / "quiet", quiet=True)
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_saves_and_is_raised(tmp_path: Path) -> None:
    def press() -> None:
        while not (tmp_path / "run" / "metrics.csv").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt, match=r"open_run\('.*run'\)\.resume\(\)"):
        tpzoo.train(DEMO, epochs=2000, run_dir=tmp_path / "run", quiet=True)
    pressing.join()
    stopped = tpzoo.open_run(tmp_path / "run")
    assert stopped.status == "interrupted"
    assert "last" in stopped.checkpoints


def test_resume_or_start_starts_goes_on_and_leaves_alone(tmp_path: Path) -> None:
    place = tmp_path / "run"
    loaded = tpzoo.load(DEMO, settings=SHORT)
    first = subprocess.run(
        [sys.executable, "-c", KILLED, DEMO, str(place)], capture_output=True, text=True, check=False, timeout=120
    )
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert tpzoo.open_run(place).status == "running"
    made = tpzoo.train(DEMO, resume_or_start=place, quiet=True, epochs=2)
    assert made.status == "done"
    whole = tpzoo.train(DEMO, resume_or_start=tmp_path / "whole", quiet=True, epochs=2)
    assert files(place) == files(whole.path)
    before = (place / "status.json").read_bytes()
    assert tpzoo.train(DEMO, resume_or_start=place, quiet=True, epochs=2).summary == made.summary
    assert (place / "status.json").read_bytes() == before
    with pytest.raises(tpzoo.CheckpointError, match="was started with the config"):
        tpzoo.train(DEMO, resume_or_start=place, quiet=True, epochs=2, seed=5)
    with pytest.raises(tpzoo.SettingError, match="both run_dir"):
        tpzoo.train(DEMO, resume_or_start=place, run_dir=place)
    assert loaded.experiment.epochs == 2


KILLED = """
import os, signal, sys, tpzoo
from tpzoo.runner.checkpoint import Checkpoints
save = Checkpoints.save
def save_and_die(self, *arguments, **options):
    save(self, *arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
Checkpoints.save = save_and_die
tpzoo.train(sys.argv[1], resume_or_start=sys.argv[2], quiet=True, epochs=2)
"""


# Opened again


def test_what_a_run_says_of_itself(run: tpzoo.Run) -> None:
    again = tpzoo.open_run(run.path)
    assert (again.name, again.seed, again.status) == ("demo", 0, "done")
    assert again.summary.epochs == 2
    assert again.blocks == ["fc1", "fc2", "fc3"]
    assert again.checkpoints == ["best", "last"]
    assert again.config.optimizer.forward.lr == 0.001
    with pytest.raises(Exception, match="read-only"):
        again.config.seed = 3
    with pytest.raises(tpzoo.CheckpointError, match="not the folder of a run"):
        tpzoo.open_run(run.path / "checkpoints")


def test_metrics_are_columns(run: tpzoo.Run) -> None:
    table = run.metrics()
    assert table["epoch"].tolist() == [1, 2]
    assert table["step"].dtype.kind == "i"
    assert float(table["test_accuracy"][-1]) == run.summary.test_accuracy
    probes = run.metrics("probe")
    assert probes["step"].tolist() == [1, 11, 21, 31, 41, 42]
    data = table.to_pandas()
    assert list(data.columns) == list(table)
    assert data["test_loss"].tolist() == table["test_loss"].tolist()
    with pytest.raises(KeyError, match="there is no column 'loss'; there are epoch"):
        table["loss"]
    with pytest.raises(ValueError, match="choose from step, probe, epoch"):
        run.metrics("epochs")


def test_the_network_is_an_ordinary_module(run: tpzoo.Run) -> None:
    network = run.network("last")
    assert isinstance(network, nn.Module)
    assert not network.training
    data = tpzoo.load(DEMO).catalogue.find("dataset", "digits").record
    settings = tpzoo.load(DEMO, settings={"data.validation": 200}).experiment.data.settings
    test = data.builder()(settings).test
    with torch.no_grad():
        right = (network(run.prepare(test.x)).argmax(1) == test.y).double().mean()
    assert float(right) == pytest.approx(run.summary.test_accuracy)
    found = run.predict(test.x, "last")
    assert torch.equal(found.classes, network(run.prepare(test.x)).argmax(1))  # type: ignore[arg-type]
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(len(test)))  # type: ignore[union-attr]
    assert run.evaluate("last").score.accuracy == pytest.approx(run.summary.test_accuracy)


def test_the_data_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(3, 2, (60, 5)).astype("float32")
    y = (x[:, 0] > 3).astype("int64")
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    made = tpzoo.train(
        {"data": {"name": "npz", "path": str(tmp_path / "own.npz"), "normalisation": "standard"}, "epochs": 2},
        run_dir=tmp_path / "run", quiet=True,
    )  # fmt: skip
    expected = made.predict(x)
    (tmp_path / "own.npz").unlink()
    assert torch.equal(made.predict(x).output, expected.output)
    with pytest.raises(tpzoo.DataError, match=r"examples of shape \(4,\)"):
        made.predict(x[:, :4])


def test_a_regression_speaks_in_the_units_of_its_labels(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    y = (1000 + 50 * x[:, :2]).astype("float32")
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    made = tpzoo.train(
        {"data": {"name": "npz", "path": str(tmp_path / "own.npz"), "target_scaling": "standard"}, "epochs": 5},
        run_dir=tmp_path / "run", quiet=True, architecture={"hidden": [16]}, rule="bp",
        settings={"optimizer.forward.lr": 0.01},
    )  # fmt: skip
    found = made.predict(x)
    assert found.classes is None
    assert abs(float(found.output.mean()) - 1000) < 30
    made.export(tmp_path / "out")
    said = json.loads((tmp_path / "out" / "preparation.json").read_text())
    assert said["target_mean"][0] == pytest.approx(float(y[:, 0].mean()), rel=1e-4)
    found.write(tmp_path / "said.csv")
    rows = list(csv.reader((tmp_path / "said.csv").open()))
    assert rows[0] == ["example", "value_0", "value_1"]
    assert len(rows) == 201


def test_a_folder_of_runs_is_a_table(run: tpzoo.Run, folder: Path) -> None:
    found = tpzoo.runs(folder)
    assert [each.path.name for each in found] == sorted(each.path.name for each in found)
    table = found.table()
    row = [Path(str(each)).name for each in table["folder"]].index("one")
    assert float(table["test_accuracy"][row]) == run.summary.test_accuracy
    assert table["status"][row] == "done"
    assert len(table.to_pandas()) == len(found)
    assert len(found[:1]) == 1
    with pytest.raises(tpzoo.CheckpointError, match="no folder"):
        tpzoo.runs(folder / "nothing")


def test_a_plot_is_drawn(run: tpzoo.Run, tmp_path: Path) -> None:
    assert run.plot(tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


# Longer, and from other weights


def test_a_finished_run_goes_on_as_one_long_run(run: tpzoo.Run, tmp_path: Path) -> None:
    before = files(run.path)
    longer = run.resume(run_dir=tmp_path / "longer", epochs=4, quiet=True)
    whole = tpzoo.train(DEMO, "data.validation=200", run_dir=tmp_path / "whole", quiet=True, **{**SHORT, "epochs": 4})
    assert files(longer.path) == files(whole.path)
    assert longer.config_hash == whole.config_hash
    for each in (longer, whole):
        state = torch.load(next((each.path / "checkpoints").glob("step-*")) / "state.pt", weights_only=True)
        assert state["loggers"]["csv"]["bytes"] > 0
    assert files(run.path) == before
    assert command("train", "--resume", str(longer.path), "--quiet").returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 4}, "--run-dir NEW goes on in a copy"),
        ({"epochs": 1, "run_dir": "shorter"}, "was started with the config"),
    ],
)
def test_what_cannot_be_made_longer_says_why(
    run: tpzoo.Run, tmp_path: Path, options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tpzoo.CheckpointError, match=message):
        run.resume(quiet=True, **options)


@pytest.mark.parametrize(("schedule", "open_end"), [("cosine", False), ({"name": "cosine", "t_max": 9}, True),
                                                    ({"name": "step", "every": 1}, True), ("timm", False)])  # fmt: skip
def test_a_schedule_that_depends_on_the_epochs_is_refused(schedule: Any, open_end: bool, tmp_path: Path) -> None:
    settings = {"optimizer.forward.schedule": schedule, "architecture.hidden": [4]}
    made = tpzoo.train(DEMO, run_dir=tmp_path / "run", quiet=True, epochs=1, settings=settings)
    if open_end:
        longer = made.resume(run_dir=tmp_path / "longer", epochs=3, quiet=True)
        whole = tpzoo.train(DEMO, run_dir=tmp_path / "whole", quiet=True, epochs=3, settings=settings)
        assert files(longer.path) == files(whole.path)
    else:
        with pytest.raises(tpzoo.CheckpointError, match="forward depends on how many there are"):
            made.resume(run_dir=tmp_path / "longer", epochs=3, quiet=True)
        assert not (tmp_path / "longer").exists()


def test_a_run_starts_from_anothers_weights(run: tpzoo.Run, tmp_path: Path) -> None:
    start = {"run": str(run.path), "checkpoint": "last"}
    plain = tpzoo.load(DEMO, settings={**SHORT, "rule": "bp"}).hash
    none = {**SHORT, "epochs": 0}
    made = tpzoo.train(DEMO, run_dir=tmp_path / "run", quiet=True, rule="bp", **none, start_from=start)
    assert made.config_hash != plain
    for one, other in zip(made.network("last").parameters(), run.network("last").parameters(), strict=True):
        assert torch.equal(one, other)
    digest = made.config.start_from.digest
    last = run.path / "checkpoints" / json.loads((run.path / "checkpoints" / "labels.json").read_text())["last"]
    assert hashlib.sha256((last / "weights.safetensors").read_bytes()).hexdigest().startswith(digest)
    every = {**start, "parts": "all"}
    whole = tpzoo.train(DEMO, run_dir=tmp_path / "all", quiet=True, **none, start_from=every)
    assert whole.config_hash != made.config_hash
    moved = run.path.with_name("moved")
    run.path.rename(moved)
    try:
        elsewhere = tpzoo.load(
            DEMO, settings={**SHORT, "rule": "bp", "epochs": 0, "start_from": {**start, "run": str(moved)}}
        )
        assert elsewhere.hash == made.config_hash  # the digest counts, not the place
        assert made.resume(quiet=True).status == "done"
        config = made.path / "config.yaml"
        with pytest.raises(tpzoo.CheckpointError, match="no folder of a run with checkpoints"):
            tpzoo.train(config, run_dir=tmp_path / "gone", quiet=True)
    finally:
        moved.rename(run.path)
    changed = config.read_text().replace(digest, "0123456789abcdef")
    (tmp_path / "changed.yaml").write_text(changed)
    with pytest.raises(tpzoo.CheckpointError, match="the config says 0123456789abcdef"):
        tpzoo.train(tmp_path / "changed.yaml", run_dir=tmp_path / "gone", quiet=True)
    with pytest.raises(tpzoo.CheckpointError, match="does not fit what is trained: network"):
        tpzoo.train(DEMO, run_dir=tmp_path / "gone", quiet=True, start_from=start, architecture={"hidden": [3, 3]})
    with pytest.raises(tpzoo.ConfigError, match="has no checkpoint 'epoch-0009'; it has best"):
        tpzoo.load(DEMO, settings={"start_from": {"run": str(run.path), "checkpoint": "epoch-0009"}})
