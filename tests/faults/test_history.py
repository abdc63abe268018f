"""A run has one history, its folder holds what it wrote, and tpzoo removes and writes over nothing but its own."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.support.command import assert_message, inside
from tests.support.moments import Moments, fork, kill, outcome
from tests.support.runs import assert_same_run, metrics, run, signalled_after, status, toy, write_toy_data
from tpzoo import Logger, LogRecord
from tpzoo.config import LoadedConfig
from tpzoo.errors import CheckpointError, DataError, SettingError, TpzooError
from tpzoo.report.runs import find_runs
from tpzoo.runner import session
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.manifest import checkpoint_names
from tpzoo.sealed import write_sealed

OVERRIDES = ("rule=bp", "epochs=4", "checkpoint.every_epochs=1", "data.validation=12")
BATCHES = 2 * 3 + 2
"""Two whole epochs and two batches: the labels are epoch-0001, epoch-0002, best and last."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedConfig:
    return toy(write_toy_data(tmp_path_factory.mktemp("toy")), *OVERRIDES)


@pytest.fixture(scope="module")
def whole(loaded: LoadedConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(loaded, folder)
    return folder


@pytest.fixture(scope="module")
def stopped(loaded: LoadedConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with signalled_after(BATCHES):
        run(loaded, folder)
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def refused(call: Callable[[], object], kind: type[TpzooError] = CheckpointError) -> TpzooError:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def test_discarding_makes_the_named_checkpoint_the_last_one(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    before = checkpoint_names(folder / "checkpoints")
    error = refused(lambda: run(loaded, folder, resume=True, checkpoint="epoch-0001"))
    assert all(name in error.what for name in before[1:])
    assert checkpoint_names(folder / "checkpoints") == before
    with signalled_after(1):
        run(loaded, folder, resume=True, checkpoint="epoch-0001", discard_later=True)
    rows = [row for row in metrics(folder) if row[0] == "epoch"]
    assert {row[1] for row in rows} == {"1"}
    run(loaded, folder, resume=True)
    assert_same_run(folder, whole, loaded.hash)


def test_killed_while_it_discards_the_run_ends_as_an_undisturbed_one(
    loaded: LoadedConfig, stopped: Path, whole: Path, tmp_path: Path
) -> None:
    def discard(folder: Path) -> None:
        run(loaded, folder, resume=True, checkpoint="epoch-0001", discard_later=True)

    counted = Path(shutil.copytree(stopped, tmp_path / "counted"))
    with Moments().watch() as moments:
        discard(counted)
    early = range(1, 25, 3)  # from the status and the labels to the first save
    for at in [*early, *random.Random(0).sample(range(25, moments.count), 8)]:
        folder = Path(shutil.copytree(stopped, tmp_path / str(at)))

        def killed(at: int = at, folder: Path = folder) -> None:
            with Moments(at, kill).watch():
                discard(folder)

        assert outcome(fork(killed)) == -signal.SIGKILL
        run(loaded, folder, resume=True)
        assert_same_run(folder, whole, loaded.hash)


def test_a_done_run_goes_on_from_an_earlier_checkpoint_when_told(
    loaded: LoadedConfig, whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    run(loaded, folder, resume=True, checkpoint="epoch-2", discard_later=True)
    assert_same_run(folder, whole, loaded.hash)


def test_a_copy_goes_on_and_the_run_stays(loaded: LoadedConfig, folder: Path, whole: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run(loaded, folder, resume=True, checkpoint="epoch-0001", run_dir=tmp_path / "copy")
    assert_same_run(tmp_path / "copy", whole, loaded.hash)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    refused(lambda: run(loaded, folder, resume=True, run_dir=tmp_path / "copy"), SettingError)


@pytest.mark.parametrize("lost", [1, 40, 400, None])
def test_metrics_that_lost_their_end_are_found(loaded: LoadedConfig, folder: Path, lost: int | None) -> None:
    path = folder / "metrics.csv"
    content = path.read_bytes()
    path.write_bytes(content[:-lost] if lost else b"")
    error = refused(lambda: run(loaded, folder, resume=True))
    assert f"{path} lost its end" in error.what
    assert "--discard-later: step-" in error.hint
    assert str(path) in refused(lambda: find_runs([folder]), DataError).what
    path.unlink()
    assert "is missing" in refused(lambda: run(loaded, folder, resume=True)).what


def test_a_flipped_byte_of_the_metrics_is_found(loaded: LoadedConfig, folder: Path) -> None:
    path = folder / "metrics.csv"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0", b"1", 1))
    assert f"{path} is damaged" in refused(lambda: run(loaded, folder, resume=True)).what
    assert f"{path} is damaged" in refused(lambda: find_runs([folder]), DataError).what


def test_rows_after_the_checkpoint_are_unconfirmed_not_damaged(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    with (folder / "metrics.csv").open("a") as file:
        file.write("epoch,3,9,test_accuracy,0.99,1.000\nepoch,3,9,te")
    found = find_runs([folder])
    assert "after the last checkpoint is left out" in " ".join(found.warnings)
    assert found.runs[0].epochs["test_accuracy"].epochs == [1, 2]
    run(loaded, folder, resume=True)
    assert_same_run(folder, whole, loaded.hash)


def test_without_its_checkpoints_a_run_does_not_start_over_and_can_be_reported(
    loaded: LoadedConfig, folder: Path
) -> None:
    shutil.rmtree(folder / "checkpoints")
    assert "holds no checkpoint, and this run has made one" in refused(lambda: run(loaded, folder, resume=True)).what
    found = find_runs([folder])
    assert "could not be checked" in " ".join(found.warnings)


@pytest.mark.parametrize("name", ["environment.json", "checkpoints/labels.json"])
def test_a_file_that_is_not_what_was_written_is_named(loaded: LoadedConfig, folder: Path, name: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace("0", "1", 1))
    assert str(path) in refused(lambda: run(loaded, folder, resume=True)).what
    assert str(path) in refused(lambda: find_runs([folder]), DataError).what


def test_a_run_goes_on_on_the_kind_of_device_that_it_was_started_on(loaded: LoadedConfig, folder: Path) -> None:
    said = RunFolder(folder).environment()
    assert said["device"] == "cpu"
    RunFolder(folder).write_environment({**said, "device": "cuda"})
    error = refused(lambda: run(loaded, folder, resume=True))
    assert "was started on cuda, and would go on on cpu" in error.what
    assert inside("evaluate", folder).returncode == 0


def test_a_lost_environment_is_written_again(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    (folder / "environment.json").unlink()
    run(loaded, folder, resume=True)
    assert RunFolder(folder).environment()["blocks"] == RunFolder(whole).environment()["blocks"]
    assert RunFolder(folder).config_hash() == loaded.hash


def test_an_edited_config_is_found_by_a_report_unless_it_changes_nothing(folder: Path) -> None:
    path = folder / "config.yaml"
    text = path.read_text()
    path.write_text(text + "# a comment\n")
    assert find_runs([folder]).warnings
    path.write_text(text.replace("seed: 0", "seed: 5"))
    assert f"{path} is not what the run wrote" in refused(lambda: find_runs([folder]), DataError).what


def test_another_summary_is_not_taken_for_the_run_s(loaded: LoadedConfig, whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    path = folder / "summary.json"
    path.write_text(path.read_text().replace('"test_accuracy": 0', '"test_accuracy": 1'))
    assert str(path) in refused(lambda: run(loaded, folder, resume=True), DataError).what


def test_the_log_is_on_the_disk_before_a_checkpoint_counts_on_it(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, save = os.fsync, Checkpoints.save

    def noted(handle: int) -> None:
        done.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        sync(handle)

    def saved(self: Checkpoints, *rest: Any) -> Path:
        assert done[-1] == "metrics.csv"
        return save(self, *rest)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Checkpoints, "save", saved)
    run(loaded, tmp_path / "run")


def test_what_others_put_beside_checkpoints_stays(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    checkpoints = folder / "checkpoints"
    last = checkpoint_names(checkpoints)[-1]
    shutil.copytree(checkpoints / last, checkpoints / "my copy")
    (checkpoints / last / "notes.txt").write_text("why this one")
    (checkpoints / "scratch").mkdir()
    (checkpoints / "step-00000001-00000-00001").mkdir()  # by its name it could be ours
    (checkpoints / ".mine.part").write_text("x")
    (folder / ".mine.part").write_text("x")
    run(loaded, folder, resume=True)
    assert_same_run(folder, whole, loaded.hash)
    assert (checkpoints / "my copy" / "weights.safetensors").exists()
    assert [path.name for path in (checkpoints / last).iterdir()] == ["notes.txt"]
    for path in ("scratch", "step-00000001-00000-00001", ".mine.part", "../.mine.part"):
        assert (checkpoints / path).exists()


@pytest.mark.parametrize("name", ["metrics.csv", ".lock"])
def test_what_lies_behind_a_link_is_not_written_over(
    loaded: LoadedConfig, folder: Path, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "thesis.txt"
    other.write_bytes((folder / name).read_bytes() or b"years of work")
    content = other.read_bytes()
    (folder / name).unlink()
    (folder / name).symlink_to(other)
    assert "is a link" in refused(lambda: run(loaded, folder, resume=True), TpzooError).what
    assert other.read_bytes() == content


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EOPNOTSUPP])
def test_without_its_lock_a_run_goes_on_only_where_there_are_none(
    loaded: LoadedConfig, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(self: FileLock, *rest: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", fails)
    if number == errno.EACCES:
        assert "another process may be training" in refused(lambda: run(loaded, folder, resume=True), SettingError).what
    else:
        assert run(loaded, folder, resume=True).status == "done"


class Quits(Logger):
    """Ends the process when the run has ended."""

    def log(self, record: LogRecord) -> None:
        pass

    def finish(self, summary: Any) -> None:
        sys.exit(0)


def test_a_logger_that_quits_costs_a_line_and_not_the_end_of_the_run(
    loaded: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = session._loggers
    monkeypatch.setattr(session, "_loggers", lambda *rest: {**made(*rest), "quits": Quits()})
    assert run(loaded, tmp_path / "run").status == "done"
    assert status(tmp_path / "run") == "done"
    assert (tmp_path / "run" / "summary.json").exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the logger 'quits' failed" in error


def test_the_command_says_what_would_go(folder: Path) -> None:
    done = inside("train", "--resume", folder, "--checkpoint", "epoch-0001")
    assert_message(done, "is not the last checkpoint", "--discard-later")
    assert inside("train", "--resume", folder, "--checkpoint", "epoch-0001", "--discard-later").returncode == 0
    assert inside("train", "--discard-later").returncode == 2


def test_a_sealed_file_may_be_edited_on_purpose(folder: Path) -> None:
    path = folder / "environment.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key != "digest"}
    path.write_text(json.dumps({**content, "note": "moved"}))
    assert RunFolder(folder).environment()["note"] == "moved"
    write_sealed(path, content)
    assert RunFolder(folder).environment() == content
