"""A checkpoint keeps what examples are prepared with: the same weights score the same, whatever else a file holds.

If it fails: the score of one checkpoint on equal test images depends on training arrays that happen to lie beside them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command import inside
from tests.support.runs import catalogue, run, toy
from tpzoo.config import load
from tpzoo.errors import DataError, SettingError
from tpzoo.runner.build import build

STANDARD = ("data.normalisation=standard", "rule=bp", "epochs=2", "loggers={}")


def arrays(seed: int = 0, scale: float = 1.0, values: bool = False) -> dict[str, Any]:
    numbers = np.random.default_rng(seed)
    y = {"train": np.arange(60) % 3, "test": np.arange(24) % 3}
    found: dict[str, Any] = {
        f"x_{part}": scale * (numbers.normal(size=(len(each), 5)) + each[:, None]) for part, each in y.items()
    }
    for part, each in y.items():
        found[f"y_{part}"] = (
            found[f"x_{part}"] @ np.array([[1.0, 100], [2, 0], [0, 5], [1, 1], [0, -3]]) if values else each
        )
    return found


def write(path: Path, **content: Any) -> Path:
    np.savez(path, **content)
    return path


def evaluated(folder: Path, *more: str) -> tuple[dict[str, Any], str]:
    done = inside("evaluate", folder, *more, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found, done.stderr


def test_a_checkpoint_scores_equal_test_images_equally(tmp_path: Path) -> None:
    mine = arrays()
    path = write(tmp_path / "mine.npz", **mine)
    run(toy(path, *STANDARD), tmp_path / "run")
    other = {**arrays(1, scale=7.0), "x_test": mine["x_test"], "y_test": mine["y_test"]}
    elsewhere = write(tmp_path / "other.npz", **other)
    before, said = evaluated(tmp_path / "run")
    assert said == ""
    after, said = evaluated(tmp_path / "run", f"data.path={elsewhere}", "--other-data")
    assert (after["loss"], after["accuracy"]) == (before["loss"], before["accuracy"])
    assert "normalise: std is that of the checkpoint" in said


def test_statistics_are_of_the_examples_that_are_trained_on(tmp_path: Path) -> None:
    made = arrays()
    path = write(tmp_path / "mine.npz", **made)
    built = build(toy(path, *STANDARD, "data.validation=20").experiment, catalogue())
    assert built.data.normalise is not None
    prepared = built.data.prepare(built.data.train.x, built.data.train.x.dtype)
    assert float(prepared.mean(0).abs().max()) < 1e-6
    assert float((prepared.std(0, correction=0) - 1).abs().max()) < 1e-6
    whole = build(toy(path, *STANDARD).experiment, catalogue())
    assert float(whole.data.prepare(built.data.train.x, built.data.train.x.dtype).mean(0).abs().max()) > 1e-3


def test_targets_are_learnt_scaled_and_judged_in_their_own_units(tmp_path: Path) -> None:
    """R^2 by hand from the network's outputs, and the same after other data came."""
    import torch

    made = arrays(values=True)
    path = write(tmp_path / "mine.npz", **made)
    settings = (*STANDARD[:-1], "data.target_scaling=standard", "epochs=8", "optimizer.forward.lr=0.05")
    run(toy(path, *settings), tmp_path / "run")
    found, _ = evaluated(tmp_path / "run", "--details")
    loaded = load(tmp_path / "run" / "config.yaml")
    built = build(loaded.experiment, loaded.catalogue)
    from tpzoo.runner.checkpoint import Checkpoints, put_back
    from tpzoo.runner.session import modules_of

    put_back(modules_of(built), Checkpoints(tmp_path / "run" / "checkpoints", loaded.hash).load("last").weights)
    network, scale = built.engine.network.eval(), built.data.scale_targets
    assert scale is not None
    out = network(built.data.prepare(built.data.test.x, torch.float32)).detach().double() * scale.std + scale.mean
    y = torch.tensor(made["y_test"])
    r2 = 1 - (out - y).square().sum(0) / (y - y.mean(0)).square().sum(0)
    assert [found["details"][f"r2/{i}"] for i in (0, 1)] == pytest.approx(r2.tolist(), rel=1e-5)
    rmse = (out - y).square().mean(0).sqrt()
    assert [found["details"][f"rmse/{i}"] for i in (0, 1)] == pytest.approx(rmse.tolist(), rel=1e-5)
    rows = (tmp_path / "run" / "metrics.csv").read_text()
    assert f"detail,8,32,test_r2/1,{found['details']['r2/1']!r}" in rows


def test_target_scaling_of_classes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", **arrays())
    with pytest.raises(SettingError, match="target_scaling is for a regression"):
        build(toy(path, "data.target_scaling=standard").experiment, catalogue())


def test_images_with_their_channels_last_are_refused(tmp_path: Path) -> None:
    """Read as channels first they train to the majority class."""
    made = {f"x_{part}": np.zeros((count, 8, 8, 3), np.uint8) for part, count in (("train", 6), ("test", 3))}
    made |= {f"y_{part}": np.arange(count) % 3 for part, count in (("train", 6), ("test", 3))}
    path = write(tmp_path / "last.npz", **made)
    with pytest.raises(DataError, match="have 8 channels and are 3 pixels wide") as error:
        build(toy(path).experiment, catalogue())
    assert "data.channels=last" in str(error.value)
    build(toy(path, "data.channels=last").experiment, catalogue())


def test_check_says_what_the_data_are(tmp_path: Path) -> None:
    made = arrays()
    made["y_train"], made["y_test"] = made["y_train"] + 1, made["y_test"] + 1
    path = write(tmp_path / "mine.npz", **made)
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"data: {{name: npz, path: {path}, validation: 15, stratified: true}}\narchitecture: {{hidden: [4]}}\n"
    )
    done = inside("check", config)
    assert (
        "examples: float64 (5,) as stored, (5,) as the network gets them; 45 train, 15 validation, 24 test"
        in done.stdout
    )
    assert "4 classes, training examples of each: 0: 0, 1: 15, 2: 15, 3: 15" in done.stdout
    assert "always saying class 1 has the test error 66.67 %" in done.stdout
    assert "no training example has class 0: where labels start at 1, subtract 1" in done.stderr


def test_r2_compares_scaled_and_unscaled_targets(tmp_path: Path) -> None:
    """Their losses are in other units, so that a report must not be read by them."""
    path = write(tmp_path / "mine.npz", **arrays(values=True))
    for scaling in ("none", "standard"):
        settings = (*STANDARD[:-1], f"data.target_scaling={scaling}", f"name={scaling}")
        run(toy(path, *settings), tmp_path / "runs" / scaling)
    assert inside("report", tmp_path / "runs", "--out", tmp_path / "report").returncode == 0
    with (tmp_path / "report" / "tables" / "results.csv").open(newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert "R^2" in (tmp_path / "report" / "report.md").read_text()
    for scaling in ("none", "standard"):
        found, _ = evaluated(tmp_path / "runs" / scaling, "--details")
        mean = (found["details"]["r2/0"] + found["details"]["r2/1"]) / 2
        assert float(rows[scaling]["r2_mean"]) == pytest.approx(mean, rel=1e-6)
        assert found["r2"] == pytest.approx(mean, rel=1e-12)
