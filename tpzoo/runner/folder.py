"""The folder of a run: where it lies, what it says about itself, and what state the run is in."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from tpzoo.errors import CheckpointError, SettingError
from tpzoo.files import remove_unfinished, write_atomic
from tpzoo.runner.summary import Summary, write_summary

LOCK = ".lock"

Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class RunFolder:
    """``config.yaml``, ``command.txt``, ``environment.json``, ``status.json`` and, at the end, ``summary.json``."""

    path: Path

    def set_status(self, status: Status, message: str = "") -> None:
        """Say how the run stands; ``message`` is the error of one that failed."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write_json("status.json", {"status": status, "message": message, "time": now})

    def status(self) -> str:
        """How the run stood last; empty if it never said so."""
        try:
            return str(json.loads((self.path / "status.json").read_text("utf-8"))["status"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def config_hash(self) -> str:
        """The hash of the config that the run was started with; empty if the folder does not say."""
        try:
            return str(json.loads((self.path / "environment.json").read_text("utf-8"))["config_hash"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder, where the file system has locks.

        Raises:
            SettingError: another one is training there.
        """
        lock = FileLock(self.path / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            hint = f"wait for it to end; if there is none, remove {self.path / LOCK}"
            raise SettingError(f"another process is training in {self.path}", hint) from error
        except (OSError, NotImplementedError):
            pass  # no locks here, or nothing may be written, which the training will say better
        try:
            yield
        finally:
            lock.release()

    def write_summary(self, summary: Summary) -> Path:
        """Write ``summary.json``."""
        return write_summary(self.path, summary)

    def config(self) -> str:
        """The resolved config, as YAML."""
        return (self.path / "config.yaml").read_text("utf-8")

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        write_atomic(self.path / name, json.dumps(content, indent=2) + "\n")

    def describe(
        self, config_yaml: str, *, config_hash: str, command: Sequence[str], environment: Mapping[str, Any]
    ) -> None:
        """Write down a run that begins: its status is ``running``.

        Args:
            command: the command line, written so that a shell can run them again.

        Raises:
            SettingError: the folder holds something already.
        """
        _require_empty(self.path)  # again: another run may have begun here meanwhile
        remove_unfinished(self.path)
        write_atomic(self.path / "config.yaml", config_yaml)
        write_atomic(self.path / "command.txt", shlex.join(command) + "\n")
        self._write_json("environment.json", {"config_hash": config_hash, **environment})
        self.set_status("running")


def claim(name: str, config_hash: str, run_dir: Path | None = None, base: Path = Path("runs")) -> RunFolder:
    """Make the folder of a new run; nobody has written in it yet.

    Args:
        name: of the recipe; the folder is ``base/name/<UTC stamp>-<config hash>``.
        run_dir: the folder itself, instead of one by name and time.

    Raises:
        SettingError: ``run_dir`` holds something already, or is not a folder.
    """
    if run_dir is None:
        return RunFolder(_fresh(base / _safe(name), config_hash))
    if run_dir.exists() and not run_dir.is_dir():
        raise SettingError(f"--run-dir {run_dir} is a file", "give a folder that is empty or does not exist yet")
    run_dir.mkdir(parents=True, exist_ok=True)
    _require_empty(run_dir)
    return RunFolder(run_dir)


def _require_empty(path: Path) -> None:
    """Nothing but what a run leaves that was killed before it had begun."""
    if any(each.name != LOCK and not each.match(".*.part") for each in path.iterdir()):
        hint = f"give an empty folder, or continue that run with --resume {path}"
        raise SettingError(f"--run-dir {path} is not empty", hint)


def reopen(path: Path) -> RunFolder:
    """The folder of an earlier run, to resume or to evaluate it.

    Raises:
        CheckpointError: no run was ever started there.
    """
    if not (path / "config.yaml").is_file():
        raise CheckpointError(f"{path} is not the folder of a run: it holds no config.yaml", "give a run's folder")
    return RunFolder(path)


def _fresh(parent: Path, config_hash: str) -> Path:
    """A folder that no other run has, even one of the same config in the same second."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{config_hash}"
    number = 1
    while True:
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1


def _safe(name: str) -> str:
    """``name`` as a relative path that stays below the folder it is joined to."""
    parts = (re.sub(r"[^\w.-]+", "_", part).strip(".") for part in name.split("/"))
    return "/".join(part for part in parts if part) or "run"
