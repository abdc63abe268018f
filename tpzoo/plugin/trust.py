"""Whose code runs: plugin files that the user named, or that lie in folders that the user trusts.

A config can come from a stranger, and so can a folder of runs. A file that is named by ``--plugin``, ``TPZOO_PLUGINS``
or an argument of a Python function runs, and the digest of its bytes is remembered. A file that only a config names
runs if its digest is remembered, or if it lies below a trusted folder. A folder of a run is never trusted as one, not
even below a trusted folder. A digest covers the file, not what it imports.

What is trusted stands in ``trust.json`` in the user's folder of settings (below XDG_CONFIG_HOME, or ``~/.config``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from tpzoo.errors import PluginError
from tpzoo.files import write_atomic
from tpzoo.plugin.files import PluginFile

NAME = "trust.json"
MOST = 5000
"""How many files are remembered; the oldest are forgotten."""

RUN_FILES = ("config.yaml", "status.json")
"""What tells the folder of a run."""

Answer = Literal["folder", "version", "no"]
Ask = Callable[[PluginFile, str], Answer]
"""Asks the user whether a file may run; the text says who wants it."""

_ask: ContextVar[Ask | None] = ContextVar("ask", default=None)


class UntrustedError(PluginError):
    """A config names a plugin file that the user has neither named nor trusted."""


@dataclass(frozen=True)
class Trusted:
    """What is trusted.

    Attributes:
        folders: full paths; all plugin files below them run.
        files: the digest and the path of every version of a file that was named.
    """

    folders: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    def allows(self, file: PluginFile) -> bool:
        """Whether the file runs where only a config names it."""
        return any(digest == file.digest for digest, _ in self.files) or self.covers(file.path)

    def covers(self, path: Path) -> bool:
        """Whether ``path`` lies below a trusted folder, and in no folder of a run."""
        above = path.parents
        return any(folder in map(str, above) for folder in self.folders) and not any(map(is_run, above))

    def knows(self, path: Path) -> bool:
        """Whether the user has named some version of the file at ``path``, or trusts where it lies."""
        return any(named == str(path) for _, named in self.files) or self.covers(path)


def settings_folder() -> Path:
    """The user's folder of tpzoo's settings."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "tpzoo"


def is_run(folder: Path) -> bool:
    """Whether ``folder`` is that of a run."""
    return all((folder / name).is_file() for name in RUN_FILES)


def trusted() -> Trusted:
    """What is trusted now.

    Raises:
        PluginError: ``trust.json`` cannot be read.
    """
    path = settings_folder() / NAME
    try:
        found = json.loads(path.read_text("utf-8"))
        files = tuple((str(digest), str(named)) for digest, named in found["files"])
        return Trusted(tuple(map(str, found["folders"])), files)
    except FileNotFoundError:
        return Trusted()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"{path} cannot be read, so it is not known which plugin files are trusted: {error}"
        raise PluginError(what, "put it right or remove it") from error


def trust_file(file: PluginFile) -> None:
    """Trust this version of a file from now on.

    Raises:
        PluginError: the settings cannot be read, or another process holds them.
        OSError: they cannot be written.
    """
    new = (file.digest, str(file.path))
    if new not in trusted().files:
        _change(lambda now: Trusted(now.folders, (*now.files, new)))


def remember(file: PluginFile) -> None:
    """As :func:`trust_file`, for a file that runs in any case; where it cannot be, the user is asked again."""
    with suppress(OSError, PluginError):
        trust_file(file)


def trust_folder(folder: Path) -> Path:
    """Trust all plugin files below ``folder``, whatever they will hold; returns its full path.

    Raises:
        PluginError: it is no folder, or that of a run.
        OSError: the settings cannot be written.
    """
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise PluginError(f"{folder} is not a folder", "trust the folder that your plugin files lie in")
    inside = next((each for each in (folder, *folder.parents) if is_run(each)), None)
    if inside is not None:
        what = f"{folder} belongs to the run in {inside}, and the folder of a run is never trusted"
        raise PluginError(what, "name the plugin file itself, by --plugin FILE, or trust this version of it")
    _change(lambda now: Trusted((*(each for each in now.folders if each != str(folder)), str(folder)), now.files))
    return folder


def distrust(path: Path) -> bool:
    """Trust a folder, or all versions of a file, no more; False if it was not trusted.

    Raises:
        PluginError: the settings cannot be read.
        OSError: they cannot be written.
    """
    name, now = str(path.expanduser().resolve()), trusted()
    if name not in now.folders and all(name != named for _, named in now.files):
        return False
    _change(
        lambda now: Trusted(
            tuple(each for each in now.folders if each != name),
            tuple(each for each in now.files if each[1] != name),
        )
    )
    return True


def require_trust(file: PluginFile, asked_by: str) -> None:
    """See that a file that only a config names may run; a terminal is asked where :func:`asking` was given one.

    Args:
        asked_by: where it is named.

    Raises:
        UntrustedError: it may not; the commands that trust it are named.
    """
    now = trusted()
    if now.allows(file):
        return
    ask = _ask.get()
    answer = ask(file, asked_by) if ask else "no"
    if answer == "folder":
        trust_folder(file.path.parent)
    elif answer == "version":
        remember(file)
    else:
        changed = ", which changed since you ran it" if now.knows(file.path) else ", which you have not run before"
        what = f"{asked_by} would run the plugin file {file.path}{changed}: nothing was run"
        folder = "" if is_run(file.path.parent) else f"tpzoo trust {file.path.parent} trusts all that lies there; "
        raise UntrustedError(what, f"{folder}--plugin {file.path} runs this version")


@contextmanager
def asking(ask: Ask | None) -> Iterator[None]:
    """Ask the user, by ``ask``, before something runs that is not trusted; with None nobody is asked."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def _change(change: Callable[[Trusted], Trusted]) -> None:
    """Replace ``trust.json`` by what ``change`` makes of it; one process at a time."""
    folder = settings_folder()
    trusted()  # what cannot be read is not written over
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f".{NAME}.lock", timeout=10):
            new = change(trusted())
            content = {"folders": list(new.folders), "files": [list(each) for each in new.files[-MOST:]]}
            write_atomic(folder / NAME, json.dumps(content, indent=2) + "\n")
    except Timeout as error:
        raise PluginError(f"another process holds {folder / NAME}", "try again") from error
