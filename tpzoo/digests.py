"""Digests of stored files, so that a run can say which data it was trained on.

A large file is read once: its digest is kept in the user's cache folder by path, size, time of change and inode, and
every later process takes it from there. Where the cache cannot be written, the file is read each time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tpzoo.files import write_atomic

NAME = "digests.json"
SMALL = 1 << 24
"""Below this many bytes a file is read each time, which takes some milliseconds."""

MOST = 1000
"""How many files the cache remembers; the oldest are forgotten."""


def cache_folder() -> Path:
    """The user's cache folder of tpzoo: below XDG_CACHE_HOME, or in the home folder."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tpzoo"


def file_digest(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex digits.

    Raises:
        OSError: it cannot be read.
    """
    state = os.stat(path)
    if state.st_size < SMALL:
        return _read(path)
    key = str(Path(path).resolve())
    seen = [state.st_size, state.st_ctime_ns, state.st_ino]
    known = _known()
    if key in known and known[key][:3] == seen:
        return str(known[key][3])
    found = _read(path)
    known = {each: entry for each, entry in _known().items() if each != key}
    known = dict([*known.items(), (key, [*seen, found, _seal(key, [*seen, found])])][-MOST:])
    with suppress(OSError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        write_atomic(cache_folder() / NAME, json.dumps(known))
    return found


def stored_digest(paths: Iterable[Path]) -> str:
    """One digest of several files, in the order given; neither their names nor their places are part of it.

    Raises:
        OSError: one cannot be read.
    """
    return hashlib.sha256("".join(map(file_digest, paths)).encode()).hexdigest()


def _read(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known() -> dict[str, list[Any]]:
    try:
        found = json.loads((cache_folder() / NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {key: entry for key, entry in entries if isinstance(entry, list) and entry[4:] == [_seal(key, entry[:4])]}


def _seal(key: str, entry: list[Any]) -> str:
    """What an entry must end with: one that is damaged is not believed."""
    return hashlib.sha256(json.dumps([key, *entry]).encode()).hexdigest()[:16]
