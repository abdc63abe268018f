"""Files that are either whole or not there at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}\.part")
"""How :func:`replacing` calls a file before it is complete."""


@dataclass(frozen=True)
class LoggedFile:
    """A file that grows during a run, at one moment: its length in bytes, and the SHA-256 of them in hex digits."""

    bytes: int
    sha256: str


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, to write and read, that takes the place of ``path`` once it is complete and on the disk.

    Whatever stops the writing, the process being killed included, ``path`` holds either its old or its new content.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Put ``content`` (text as UTF-8) in place of what ``path`` holds; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _umask() -> int:
    # the only portable way to read it is to set it; mkstemp made the file for its owner alone
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure; not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Remove what :func:`replacing` left behind in ``folder`` when the process was killed."""
    for path in folder.glob(".*.part"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
