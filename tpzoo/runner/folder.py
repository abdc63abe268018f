"""The folder of a run: where it lies, what it says about itself, and what state the run is in."""

from __future__ import annotations

import errno
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from tpzoo.errors import CheckpointError, DataError, SettingError
from tpzoo.files import remove_unfinished, write_atomic
from tpzoo.runner.summary import NAME as SUMMARY, Summary, digest_of_summary, read_summary, write_summary
from tpzoo.sealed import DamagedError, read_sealed, write_sealed

LOCK = ".lock"
BEGUN = ("environment.json", "command.txt", "status.json", LOCK)
"""What a folder may hold that a run was killed in before it had begun: ``config.yaml`` is written last."""

WITHOUT_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EROFS}
"""What a file system answers that has no locks, or that cannot be written at all."""

Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class RunFolder:
    """``config.yaml``, ``command.txt``, ``environment.json``, ``status.json`` and, at the end, ``summary.json``."""

    path: Path

    def set_status(self, status: Status, message: str = "", saved: bool = False, summary: str = "") -> None:
        """Say how the run stands.

        Args:
            message: the error of one that failed.
            saved: whether it has made a checkpoint; once true it stays true.
            summary: the digest of ``summary.json``, of a run that has ended.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        content = {"status": status, "message": message, "time": now, "saved": saved or self.has_saved()}
        write_sealed(self.path / "status.json", {**content, "summary": summary})

    def status(self) -> str:
        """How the run stood last; empty if it never said so, or what it said is damaged."""
        return str(self._status().get("status", ""))

    def has_saved(self) -> bool:
        """Whether the run has made a checkpoint; where ``status.json`` is damaged it may have said so, and counts."""
        if not (self.path / "status.json").exists():
            return False
        return bool(self._status().get("saved", not self._status()))

    def _status(self) -> dict[str, Any]:
        try:
            return read_sealed(self.path / "status.json")
        except (FileNotFoundError, DamagedError):
            return {}

    def environment(self) -> dict[str, Any]:
        """What ``environment.json`` says; empty if there is none.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return read_sealed(self.path / "environment.json")
        except FileNotFoundError:
            return {}
        except DamagedError as error:
            hint = "put it back from a copy; or remove it to go on without what it says of versions and machines"
            raise CheckpointError(str(error), hint) from error

    def config_hash(self) -> str:
        """The hash of the config that the run was started with; empty if there is no ``environment.json``.

        Raises:
            CheckpointError: it is damaged.
        """
        return str(self.environment().get("config_hash", ""))

    def write_environment(self, content: Mapping[str, Any]) -> None:
        """Write ``environment.json``."""
        write_sealed(self.path / "environment.json", content)

    def summary(self) -> Summary:
        """What ``summary.json`` of a run that has ended says.

        Raises:
            DataError: there is none, or it is not the one that the run wrote.
        """
        digest = self._status().get("summary", "")
        if digest and digest != digest_of_summary(self.path):
            what = f"{self.path / SUMMARY} is missing, or not what the run wrote"
            raise DataError(what, "tpzoo evaluate gives its figures again, from the weights")
        return read_summary(self.path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder, where the file system has locks and can be written.

        Raises:
            SettingError: another one is training there, or it cannot be known.
        """
        file = self.path / LOCK
        if file.is_symlink():
            raise SettingError(f"{file} is a link", "remove it: what lies behind it may be anybody's")
        lock = FileLock(file, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            hint = f"wait for it to end; if there is none, remove {file}"
            raise SettingError(f"another process is training in {self.path}", hint) from error
        except NotImplementedError:
            pass  # this file system has no locks
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                what = f"{file} cannot be opened ({error.strerror}), so another process may be training there"
                raise SettingError(what, "if none is, remove it or make it yours") from error
        try:
            yield
        finally:
            lock.release()

    def end(self, status: Status, summary: Summary, message: str = "") -> None:
        """Write ``summary.json``, then how the run ended."""
        write_summary(self.path, summary)
        self.set_status(status, message, summary=digest_of_summary(self.path))

    def config(self) -> str:
        """The resolved config, as YAML."""
        return (self.path / "config.yaml").read_text("utf-8")

    def describe(self, config_yaml: str, *, command: Sequence[str], environment: Mapping[str, Any]) -> None:
        """Write down a run that begins: its status is ``running``.

        Args:
            command: the command line, written so that a shell can run them again.
            environment: what ``environment.json`` says, the ``config_hash`` among it.

        Raises:
            SettingError: the folder holds something already.
        """
        _require_empty(self.path)  # again: another run may have begun here meanwhile
        remove_unfinished(self.path)
        written = hashlib.sha256(config_yaml.encode()).hexdigest()
        # config.yaml comes last: a folder that holds it holds all of these
        self.write_environment({**environment, "config_digest": written})
        write_atomic(self.path / "command.txt", shlex.join(command) + "\n")
        self.set_status("running")
        write_atomic(self.path / "config.yaml", config_yaml)


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
    if any(each.name not in BEGUN and not each.match(".*.part") for each in path.iterdir()):
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
