"""The data are part of what a run is: others of the same shape are refused, and a file is read for it once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.command import assert_message, inside
from tests.support.runs import assert_same_run, run, signalled_after, toy, write_toy_data
from tpzoo import digests
from tpzoo.config import LoadedConfig, load
from tpzoo.engine.data import Data, DataSpec, Split, hold_out
from tpzoo.errors import CheckpointError
from tpzoo.runner.data_identity import identity
from tpzoo.runner.folder import RunFolder

OVERRIDES = ("rule=bp", "data.validation=12")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_toy_data(tmp_path)


def stopped(data: Path, folder: Path) -> LoadedConfig:
    loaded = toy(data, *OVERRIDES)
    with signalled_after(5):
        run(loaded, folder)
    return loaded


def change(data: Path) -> None:
    """One pixel of one test image."""
    arrays = dict(np.load(data))
    arrays["x_test"][0, 0, 0, 0] ^= 1
    np.savez(data, **arrays)


def test_other_data_of_the_same_shapes_are_refused_with_both_digests(data: Path, tmp_path: Path) -> None:
    loaded = stopped(data, tmp_path / "run")
    began = RunFolder(tmp_path / "run").environment()["data"]["digest"]
    change(data)
    with pytest.raises(CheckpointError, match="was started on the data") as caught:
        run(loaded, tmp_path / "run", resume=True)
    given = caught.value.what.rsplit(" ", 1)[-1]
    assert began in caught.value.what
    assert len(given) == len(began)
    assert given != began
    assert_message(inside("train", "--resume", tmp_path / "run"), began, given, "the stored data differ")
    assert_message(inside("evaluate", tmp_path / "run"), began, given, "--other-data")
    done = inside("evaluate", tmp_path / "run", "--other-data")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert given in done.stderr


def test_a_checkpoint_knows_its_data_where_environment_json_is_gone(data: Path, tmp_path: Path) -> None:
    loaded = stopped(data, tmp_path / "run")
    began = RunFolder(tmp_path / "run").environment()["data"]["digest"]
    (tmp_path / "run" / "environment.json").unlink()
    change(data)
    with pytest.raises(CheckpointError, match=f"was started on the data {began}"):
        run(loaded, tmp_path / "run", resume=True)
    assert_message(inside("evaluate", tmp_path / "run"), began, "--other-data")
    assert not (tmp_path / "run" / "environment.json").exists()


def test_the_same_data_elsewhere_are_the_same(data: Path, tmp_path: Path) -> None:
    loaded = stopped(data, tmp_path / "run")
    run(toy(data, *OVERRIDES), tmp_path / "whole")
    copy = tmp_path / "moved.npz"
    shutil.copyfile(data, copy)
    expected = inside("evaluate", tmp_path / "run").stdout
    data.rename(tmp_path / "away.npz")
    assert inside("evaluate", tmp_path / "run", f"data.path={copy}").stdout == expected
    copy.rename(data)
    run(loaded, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", tmp_path / "whole", loaded.hash)


def test_the_rows_of_the_splits_are_part_of_it() -> None:
    x, y = torch.arange(12.0).view(6, 2), torch.arange(6) % 2
    found = set()
    for seed in range(3):
        train, held = hold_out(Split(x, y), 2, seed)
        found.add(identity(Data(SPEC, train, Split(x, y), held, stored={"file": "a"}))["digest"])
    assert len(found) == 3


SPEC = DataSpec((2,), 2, "classification")


def test_data_that_say_nothing_are_known_by_their_arrays() -> None:
    def made(value: float) -> str:
        x = torch.tensor([[0.0, 1.0], [2.0, value]])
        return str(identity(Data(SPEC, Split(x, torch.tensor([0, 1])), Split(x, torch.tensor([0, 1]))))["digest"])

    assert made(3.0) == made(3.0)
    assert made(3.0) != made(3.5)


def test_a_file_is_read_once_for_its_digest(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "SMALL", 0)
    read: list[str] = []
    taken = digests.hashlib.file_digest
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda file, name: read.append(file.name) or taken(file, name))
    first = digests.file_digest(data)
    assert digests.file_digest(data) == first
    assert len(read) == 1
    change(data)
    assert digests.file_digest(data) != first
    assert len(read) == 2
    (tmp_path / "cache" / "tpzoo" / digests.NAME).write_text("[")
    assert digests.file_digest(data) != first
    assert len(read) == 3


def test_a_cache_that_cannot_be_written_costs_time_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(digests, "SMALL", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert digests.file_digest(data) == digests.file_digest(data)


def test_what_torchvision_would_read_in_place_of_the_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST"
    (folder / "processed").mkdir(parents=True)
    (folder / "raw").mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(2, 28, 28, dtype=torch.uint8), torch.zeros(2)), folder / "processed" / name)
    said = inside("train", "data=mnist", f"data.root={tmp_path}", "rule=bp", "--run-dir", tmp_path / "run")
    assert_message(said, f"{folder / 'processed'} holds files that an early torchvision made")


def test_a_damaged_entry_of_the_cache_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "SMALL", 0)
    file = tmp_path / "file"
    file.write_bytes(b"content")
    expected = digests.file_digest(file)
    cache = tmp_path / "cache" / "tpzoo" / digests.NAME
    text = cache.read_text()
    for damaged in (text.replace(expected, "0" * 64), text.replace(f'"{expected}"', "null"), "[]", "{}", text[:-9]):
        cache.write_text(damaged)
        assert digests.file_digest(file) == expected


def test_settings_of_generated_data_are_the_same_after_json(tmp_path: Path) -> None:
    overrides = ("data=teacher", "data.hidden=[4]", "data.train_count=40", "data.test_count=20", "data.valid_count=20")
    base = ("architecture.hidden=[4]", "loggers.console=null", "device=cpu", "epochs=2", "batch_size=16")
    loaded = load(None, (*base, *overrides, "rule=bp"))
    with signalled_after(1):
        run(loaded, tmp_path / "run")
    assert run(loaded, tmp_path / "run", resume=True).status == "done"
