"""A checkpoint that is damaged, foreign or incomplete is refused by name, and the others stay as they are."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.command import assert_message, inside
from tests.support.runs import run, signalled_after, toy, write_toy_data
from tpzoo.config import LoadedConfig
from tpzoo.errors import CheckpointError
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.manifest import FILES, LABELS, MANIFEST

OVERRIDES = ("rule=bp", "epochs=4", "checkpoint.every_epochs=1")
BATCHES = 10
"""Two whole epochs and two batches: epoch-0001, epoch-0002 and last."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedConfig:
    return toy(write_toy_data(tmp_path_factory.mktemp("toy")), *OVERRIDES)


@pytest.fixture(scope="module")
def original(loaded: LoadedConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "run"
    with signalled_after(BATCHES):
        run(loaded, folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "run")
    return tmp_path / "run"


def last(folder: Path) -> Path:
    """The checkpoint that the run would go on from."""
    name: str = json.loads((folder / "checkpoints" / LABELS).read_text())["last"]
    return folder / "checkpoints" / name


def checkpoints(folder: Path) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", RunFolder(folder).config_hash())


def refused(folder: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        checkpoints(folder).load()
    assert caught.value.exit_code == 2
    return caught.value


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_one_flipped_bit_is_found(folder: Path, name: str, part: float) -> None:
    path = last(folder) / name
    flip(path, round(part * (path.stat().st_size - 1)))
    error = refused(folder)
    assert f"{path} is damaged" in error.what
    for other in ("step-00000004-00001-00000", "step-00000008-00002-00000"):
        assert other in error.hint
        checkpoints(folder).load(other)


def test_no_flipped_bit_of_a_manifest_gets_through(folder: Path) -> None:
    path = last(folder) / MANIFEST
    whole = path.read_bytes()
    good = checkpoints(folder).load()
    for at in range(len(whole)):
        flip(path, at)
        try:
            found = checkpoints(folder).load()
        except CheckpointError:
            pass
        else:  # between the tokens of the JSON a blank may become another
            assert found.state["training"]["progress"] == good.state["training"]["progress"]
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "foreign"])
def test_a_file_that_is_cut_short_gone_or_of_another_run_is_found(
    folder: Path, original: Path, name: str, damage: str
) -> None:
    path = last(folder) / name
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        shutil.copy(folder / "checkpoints" / "step-00000004-00001-00000" / name, path)
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if damage == "truncated" else 0])
    error = refused(folder)
    assert str(last(folder)) in error.what
    assert "--checkpoint" in error.hint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b'{"last": 3}', b"\xff\xfe"])
def test_damaged_labels_name_the_checkpoints(folder: Path, content: bytes) -> None:
    (folder / "checkpoints" / LABELS).write_bytes(content)
    error = refused(folder)
    assert LABELS in error.what
    assert "step-00000010-00002-00002" in error.hint


def test_lost_labels_name_the_checkpoints(folder: Path) -> None:
    (folder / "checkpoints" / LABELS).unlink()
    assert "is missing" in refused(folder).what


def test_a_label_cannot_point_out_of_the_folder(folder: Path) -> None:
    (folder / "checkpoints" / LABELS).write_text('{"last": "../../other"}')
    assert str(folder / "checkpoints" / "other") in refused(folder).what


@pytest.mark.parametrize(
    "manifest",
    [[], 3, {}, {"schema": 1}, {"schema": 1, "config_hash": "x", "files": []}, {"schema": 9, "config_hash": "x"}],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_refused(folder: Path, manifest: Any) -> None:
    (last(folder) / MANIFEST).write_text(json.dumps(manifest))
    assert str(last(folder)) in refused(folder).what


def test_a_state_that_would_run_code_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    path, mark = last(folder), tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    torch.save({"training": Trap()}, path / "state.pt")
    _sign(path)
    assert "cannot be read" in refused(folder).what
    assert not mark.exists()


@pytest.mark.parametrize("state", [{}, {"training": {}}, {"training": {"progress": {"cursor": {"no_such": 1}}}}])
def test_a_state_of_another_shape_is_refused(loaded: LoadedConfig, folder: Path, state: Any) -> None:
    torch.save(state, last(folder) / "state.pt")
    _sign(last(folder))
    with pytest.raises(CheckpointError, match="does not fit this run"):
        run(loaded, folder, resume=True)


def test_the_command_refuses_and_goes_on_from_another_when_told(folder: Path) -> None:
    flip(last(folder) / "weights.safetensors", 200)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = inside("train", "--resume", folder)
    assert_message(done, "weights.safetensors is damaged", "--checkpoint", "step-00000008-00002-00000")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    again = inside("train", "--resume", folder, "--checkpoint", "epoch-0002", "--discard-later", "--quiet")
    assert again.returncode == 0, again.stderr
    checkpoints(folder).load()


def test_even_without_labels_a_checkpoint_can_be_named(loaded: LoadedConfig, folder: Path) -> None:
    (folder / "checkpoints" / LABELS).unlink()
    assert run(loaded, folder, resume=True, checkpoint="step-00000008-00002-00000", discard_later=True).status == "done"
    kept = Checkpoints(folder / "checkpoints", loaded.hash).labels()
    assert {"last", "epoch-0003", "epoch-0004", "step-00000004-00001-00000"} <= kept.keys()


def _sign(path: Path) -> None:
    """Make the manifest fit what the files hold now, as somebody with bad intentions would."""
    manifest = json.loads((path / MANIFEST).read_text())
    del manifest["digest"]
    manifest["files"] = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (path / MANIFEST).write_text(json.dumps(manifest))
