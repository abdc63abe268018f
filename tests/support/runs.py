"""Small runs in process, and what two of them must have in common to be the same run."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tpzoo.config import LoadedConfig, load
from tpzoo.engine.step import Engine
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.recipes import recipe_folder
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.session import train
from tpzoo.runner.summary import Summary

TRAIN, TEST, CLASSES = 60, 25, 3
STEPS = 4
"""Minibatches of the toy run in an epoch: three of 16 and one of 12."""

TIMES = ("seconds", "train_seconds", "pass_seconds", "seconds_per_epoch")


@cache
def catalogue() -> Catalogue:
    """The built-in components, loaded once."""
    return load_catalogue()


@cache
def recipe(name: str) -> LoadedConfig:
    """A shipped recipe as it is, loaded once."""
    return load(recipe_folder() / f"{name}.yaml", (), catalogue())


def write_toy_data(folder: Path) -> Path:
    """Images of 4 x 4 pixels in three classes that a small network can tell apart."""
    numbers = np.random.default_rng(0)
    centres = numbers.uniform(40, 215, (CLASSES, 1, 4, 4))
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        y = numbers.integers(0, CLASSES, count)
        arrays[f"x_{part}"] = (centres[y] + numbers.uniform(-40, 40, (count, 1, 4, 4))).astype(np.uint8)
        arrays[f"y_{part}"] = y.astype(np.int64)
    path = folder / "toy.npz"
    np.savez(path, **arrays)
    return path


def toy(data: Path, *overrides: str) -> LoadedConfig:
    """The config of a run of some hundredths of a second, with ``overrides`` over it."""
    other = any(word.startswith("architecture=") and word != "architecture=mlp" for word in overrides)
    base = [
        "data=npz", f"data.path={data}", *([] if other else ["architecture.hidden=[6,5]"]), "batch_size=16", "epochs=3",
        "evaluation_batch_size=10", "device=cpu", "loggers.console=null", "checkpoint.every_seconds=0",
    ]  # fmt: skip
    return load(None, [*base, *overrides], catalogue())


def run(loaded: LoadedConfig, folder: Path, resume: bool = False, **options: Any) -> Summary:
    """Train in ``folder``, from the start or on from a checkpoint; ``options`` as for :func:`tpzoo.runner.train`.

    One thread computes unless told otherwise: a copy of this process has none of its others and would wait for them.
    """
    where = {"resume": folder} if resume else {"run_dir": folder}
    return train(loaded, loaded.catalogue, **{**where, "quiet": True, "threads": 1, **options})


@contextmanager
def signalled_after(batches: int, number: int = signal.SIGINT) -> Iterator[None]:
    """Send this process a signal in the middle of the given batch, counted from 1, of whatever kind it is."""
    left, within = batches, False

    def counted(step: Any) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left, within
            outermost, within = not within, True
            left -= outermost
            if outermost and left == 0:
                os.kill(os.getpid(), number)
            try:
                return step(*arguments, **options)
            finally:
                within = not outermost

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for name in ("train_batch", "train_feedback_batch"):
            patch.setattr(Engine, name, counted(getattr(Engine, name)))
        yield


def metrics(folder: Path) -> list[list[str]]:
    """The rows of ``metrics.csv`` without the times."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [row[:-1] for row in csv.reader(file) if row[0] != "time"]


def summary(folder: Path) -> dict[str, Any]:
    """``summary.json`` without times."""
    values: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return {name: value for name, value in values.items() if name not in TIMES}


def status(folder: Path) -> str:
    """What ``status.json`` says."""
    return str(json.loads((folder / "status.json").read_text("utf-8"))["status"])


def assert_same_run(found: Path, expected: Path, config_hash: str) -> None:
    """Both runs ended in the same bits: weights, optimisers, generators, metrics, figures, labels."""
    ours, theirs = (Checkpoints(folder / "checkpoints", config_hash) for folder in (found, expected))
    for label in theirs.labels():
        one, other = ours.load(label), theirs.load(label)
        assert_equal(one.weights, other.weights, f"{label}: weights")
        assert_equal(_untimed(one.state["training"]), _untimed(other.state["training"]), f"{label}: state")
    assert ours.labels().keys() == theirs.labels().keys()
    assert metrics(found) == metrics(expected)
    assert summary(found) == summary(expected)
    assert status(found) == status(expected) == "done"


def assert_equal(one: Any, other: Any, where: str) -> None:
    """Equal to the bit, through dicts and sequences."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}[{i}]")
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert one.shape == other.shape, where
        assert one.numpy().tobytes() == other.numpy().tobytes(), where
    else:
        assert one == other, where


def _untimed(state: dict[str, Any]) -> dict[str, Any]:
    cursor = {name: value for name, value in state["progress"]["cursor"].items() if name not in TIMES}
    return {
        **state,
        "progress": {**state["progress"], "cursor": cursor},
        "streams": dict(sorted(state["streams"].items())),
    }
