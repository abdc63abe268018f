"""Run folders: what is in them, that nothing is overwritten, and that files are whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tpzoo import files
from tpzoo.errors import CheckpointError, DataError, SettingError
from tpzoo.runner import environment, folder
from tpzoo.runner.summary import Summary, read_summary, write_summary

HASH = "0123456789"
CONFIG = "seed: 0\nname: 'über'\n"


def make(tmp_path: Path, name: str = "demo", **options: Any) -> folder.RunFolder:
    run = folder.claim(name, HASH, base=tmp_path / "runs", **options)
    command = ["tpzoo", "train", "my config.yaml", "seed=1"]
    run.describe(CONFIG, command=command, environment={"config_hash": HASH, "python": "3"})
    return run


def make_summary(**changed: Any) -> Summary:
    values: dict[str, Any] = {
        "status": "done", "config_hash": "abc", "seed": 3, "device": "cpu", "epochs": 2, "steps": 20,
        "parameters": 100, "train_loss": 0.5, "test_loss": 0.6, "test_accuracy": 0.9, "seconds": 1.5,
        "train_seconds": 1.5, "seconds_per_epoch": 0.75,
    }  # fmt: skip
    return Summary(**{**values, **changed})


def test_the_folder_is_named_after_recipe_time_and_config(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.path.parent == tmp_path / "runs" / "demo"
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}Z-{HASH}", run.path.name)


def test_what_a_new_folder_says(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert run.config() == CONFIG
    assert (run.path / "command.txt").read_text() == "tpzoo train 'my config.yaml' seed=1\n"
    written = hashlib.sha256(CONFIG.encode()).hexdigest()
    assert run.environment() == {"config_hash": HASH, "python": "3", "config_digest": written}
    assert run.config_hash() == HASH
    assert run.status() == "running"
    run.set_status("failed", "the loss became NaN")
    assert run.status() == "failed"
    assert folder.reopen(run.path) == run
    assert sorted(p.name for p in run.path.iterdir()) == [
        "command.txt",
        "config.yaml",
        "environment.json",
        "status.json",
    ]


def test_two_runs_in_one_second_get_two_folders(tmp_path: Path) -> None:
    assert len({make(tmp_path).path for _ in range(5)}) == 5


@pytest.mark.parametrize("name", ["../../escape", "/absolute", "..", "", "a b/c:d"])
def test_no_name_leaves_the_runs_folder(tmp_path: Path, name: str) -> None:
    run = make(tmp_path, name)
    assert (tmp_path / "runs").resolve() in run.path.resolve().parents


def test_a_given_folder_is_used_as_it_is_if_it_is_empty(tmp_path: Path) -> None:
    for path in (tmp_path / "new" / "deep", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert make(tmp_path, run_dir=path).path == path


def test_an_earlier_run_is_never_overwritten(tmp_path: Path) -> None:
    path = make(tmp_path, run_dir=tmp_path / "run").path
    with pytest.raises(SettingError, match="not empty") as caught:
        make(tmp_path, run_dir=path)
    assert f"--resume {path}" in caught.value.hint
    with pytest.raises(SettingError, match="is a file"):
        make(tmp_path, run_dir=path / "config.yaml")
    before = set(path.iterdir())
    with pytest.raises(SettingError, match="not empty"):
        folder.claim("demo", HASH, path)
    assert set(path.iterdir()) == before


def test_what_the_lock_leaves_behind_makes_no_run(tmp_path: Path) -> None:
    run = make(tmp_path, run_dir=tmp_path / "run")
    with run.held():
        pass
    for path in tmp_path.glob("run/*"):
        path.unlink()
    assert make(tmp_path, run_dir=tmp_path / "run") == run


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", flock)
    run = make(tmp_path)
    with run.held():
        run.set_status("done")
    assert run.status() == "done"
    with pytest.raises(ZeroDivisionError), run.held():
        _ = 1 / 0


def test_reopening_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not the folder of a run"):
        folder.reopen(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_status_counts_as_none(tmp_path: Path, content: str) -> None:
    run = make(tmp_path)
    (run.path / "status.json").write_text(content)
    assert run.status() == ""


def test_the_summary_keeps_its_contract(tmp_path: Path) -> None:
    path = write_summary(tmp_path, make_summary())
    assert json.loads(path.read_text()) == {
        "schema": 1, "status": "done", "config_hash": "abc", "seed": 3, "device": "cpu", "epochs": 2, "steps": 20,
        "parameters": 100, "train_loss": 0.5, "test_loss": 0.6, "test_accuracy": 0.9, "best_valid_accuracy": None,
        "best_valid_loss": None, "test_loss_at_best_valid": None,
        "test_accuracy_at_best_valid": None, "seconds": 1.5, "train_seconds": 1.5, "seconds_per_epoch": 0.75,
    }  # fmt: skip
    assert read_summary(tmp_path) == make_summary()


def test_numbers_that_json_cannot_say_become_null(tmp_path: Path) -> None:
    path = write_summary(tmp_path, make_summary(train_loss=float("nan"), test_loss=float("inf")))
    values = json.loads(path.read_text(), parse_constant=lambda token: pytest.fail(f"{token} is not JSON"))
    assert values["train_loss"] is values["test_loss"] is None


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"schema": 2}', '{"schema": 1, "other": 2}'])
def test_reading_what_is_no_summary_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(DataError):
        read_summary(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.write_atomic(path, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomic(path, b"old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_readable_as_the_user_wants_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_atomic(tmp_path / "file", "")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def git(where: Path, *overrides: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", str(where), *identity, *overrides], check=True, capture_output=True)


def test_the_revision_is_that_of_the_checkout_that_tracks_the_source(tmp_path: Path) -> None:
    source = tmp_path / "package"
    source.mkdir()
    (source / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "empty")
    assert environment.revision(source) is None, "the source lies in a checkout that does not track it"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "source")
    found = environment.revision(source)
    assert found is not None
    assert re.fullmatch("[0-9a-f]{40}", found["commit"])
    assert found["changed"] is False
    (source / "__init__.py").write_text("changed")
    assert environment.revision(source)["changed"] is True  # type: ignore[index]


def test_the_environment_is_json(tmp_path: Path) -> None:
    found = json.loads(json.dumps(environment.describe({"tpzoo-example": "1.0"})))
    assert found["plugins"] == {"tpzoo-example": "1.0"}
    assert found["packages"]["torch"]
    assert found["threads"] >= 1
