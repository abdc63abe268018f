"""Batches of one example, short last batches, and blocks whose rows depend on each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.command import assert_message, inside
from tests.support.runs import TRAIN, run, toy, write_toy_data
from tpzoo.engine.block import ModuleBlock
from tpzoo.engine.feedback import Feedback
from tpzoo.errors import SettingError
from tpzoo.runner.build import build


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize(("batch_size", "steps"), [(16, 3), (20, 3), (59, 1), (60, 1)])
def test_drop_last_leaves_a_short_batch_out(data: Path, tmp_path: Path, batch_size: int, steps: int) -> None:
    found = run(toy(data, "rule=bp", f"batch_size={batch_size}", "drop_last=true", "epochs=2"), tmp_path / "run")
    assert found.steps == 2 * steps


def test_drop_last_must_leave_a_batch(data: Path) -> None:
    loaded = toy(data, "rule=bp", f"batch_size={TRAIN + 1}", "drop_last=true")
    with pytest.raises(SettingError, match="leaves out the only batch"):
        build(loaded.experiment, loaded.catalogue)


def vectors(tmp_path: Path) -> Path:
    numbers = np.random.default_rng(0)
    arrays = {f"x_{part}": numbers.normal(size=(9, 4)).astype(np.float32) for part in ("train", "test")}
    np.savez(tmp_path / "v.npz", **arrays, **{f"y_{part}": np.arange(9) % 3 for part in ("train", "test")})
    return tmp_path / "v.npz"


PLUGIN = """
from collections.abc import Iterator
from torch import nn
from tpzoo import Architecture, ModuleBlock, Network, hookimpl

def build(settings, spec):
    width = spec.input_shape[0]
    one = nn.Sequential(nn.Linear(width, 5), nn.BatchNorm1d(5), nn.Tanh())
    blocks = {"one": one, "two": nn.Linear(5, spec.output_size)}
    return Network({name: ModuleBlock(block) for name, block in blocks.items()}, spec.input_shape)

@hookimpl
def tpzoo_architectures():
    yield Architecture(name="normed", summary="with a batch norm", build=build)
"""


@pytest.mark.parametrize(("batch_size", "fits"), [(4, False), (8, False), (1, False), (3, True), (9, True)])
def test_a_batch_norm_is_not_trained_on_one_example(tmp_path: Path, batch_size: int, fits: bool) -> None:
    (tmp_path / "normed.py").write_text(PLUGIN)
    overrides = ["data=npz", f"data.path={vectors(tmp_path)}", "architecture=normed", "rule=bp", "epochs=1", "--quiet",
                 f"batch_size={batch_size}", "--plugin", tmp_path / "normed.py"]  # fmt: skip
    done = inside("train", *overrides, "--run-dir", tmp_path / "run")
    if fits:
        assert done.returncode == 0, done.stderr
    else:
        assert_message(done, "the last batch of an epoch has one example", "drop_last=true")
        assert not (tmp_path / "run").exists()
        dropped = inside("train", *overrides, "drop_last=true", "--run-dir", tmp_path / "run")
        assert (dropped.returncode == 0) == (batch_size > 1)


@pytest.mark.parametrize(
    ("norm", "training", "independent"),
    [
        (nn.BatchNorm1d(3), True, False),
        (nn.BatchNorm1d(3), False, True),
        (nn.BatchNorm1d(3, track_running_stats=False), True, False),
        (nn.BatchNorm1d(3, track_running_stats=False), False, False),
        (nn.LayerNorm(3), True, True),
    ],
)
def test_rows_are_independent_where_one_does_not_change_another(
    norm: nn.Module, training: bool, independent: bool
) -> None:
    block = ModuleBlock(norm).train(training)
    assert block.row_independent is independent
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    same = torch.allclose(block(x)[:2], block(torch.cat([x[:2], 9 * x[2:]]))[:2])
    assert same is independent


def test_an_edge_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingError, match="no feedback edge 'nope'"):
        Feedback([]).edge("nope")
