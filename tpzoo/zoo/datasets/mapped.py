"""Arrays too large to read at every start: converted once to .npy files, and mapped into memory from then on.

The files are written beside their sources, or in the user's cache where that folder cannot be written. Each appears
whole or not at all, and a manifest, written last, says which sources they were made of.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from tpzoo import data_folder, replacing
from tpzoo.errors import DataError

Array = np.ndarray[Any, Any]
Parts = Iterable[tuple[Array, Array]]  # images (n, *shape) uint8 and labels (n,) int64, file by file
MANIFEST = "manifest.json"


def mapped(
    sources: Sequence[Path], shape: tuple[int, ...], name: str, read: Callable[[], Parts]
) -> tuple[Array, Array, str]:
    """Images (count, *shape) uint8, mapped copy-on-write, labels (count,) int64, and the digest of both.

    The digest was taken when the files were made, so that nobody has to read them for it.

    Args:
        sources: the files that the arrays are made of; if one changes, they are made again.
        name: of the files, such as ``train``.
        read: reads the sources, one after the other.

    Raises:
        DataError: a source is bad (as ``read`` says), or the files can be written nowhere.
    """
    folders = _folders(sources[0].parent)
    for folder in folders:
        if _is_current(folder, name, sources):
            return *_open(folder, name), _digest(folder, name)
    writable = [folder for folder in folders if _writable(folder)]
    if not writable:
        raise DataError(f"the arrays cannot be stored in {folders[0]} or {folders[1]}", "make one of them writable")
    _convert(writable[0], name, sources, shape, read())
    return *_open(writable[0], name), _digest(writable[0], name)


def _digest(folder: Path, name: str) -> str:
    return str(json.loads((folder / f"{name}_{MANIFEST}").read_text("utf-8"))["digest"])


def _folders(beside: Path) -> tuple[Path, Path]:
    digest = hashlib.sha256(str(beside.resolve()).encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME")
    home = data_folder(str(Path(cache) / "tpzoo") if cache else "~/.cache/tpzoo")
    return beside / "tpzoo-arrays", home / f"arrays-{digest}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _open(folder: Path, name: str) -> tuple[Array, Array]:
    # "c": pages may be changed in memory (a held-out example changes places), and the file never is
    return np.load(folder / f"{name}_x.npy", mmap_mode="c"), np.load(folder / f"{name}_y.npy", allow_pickle=False)


def _is_current(folder: Path, name: str, sources: Sequence[Path]) -> bool:
    """Whether the files are whole and made of these very sources. Images are not read for that, labels are."""
    try:
        manifest = json.loads((folder / f"{name}_{MANIFEST}").read_text("utf-8"))
        labels = (folder / f"{name}_y.npy").read_bytes()
        images, _ = _open(folder, name)
        stored = _identity([folder / f"{name}_x.npy"])
        found = {"sources": _identity(sources), "stored": stored, "labels": zlib.crc32(labels), "count": len(images)}
    except (OSError, ValueError, EOFError):
        return False
    return isinstance(manifest, dict) and bool(manifest.pop("digest", "")) and manifest == found


def _identity(sources: Sequence[Path]) -> list[list[Any]]:
    states = [(path, path.stat()) for path in sources]
    return [[path.name, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino] for path, state in states]


def _convert(folder: Path, name: str, sources: Sequence[Path], shape: tuple[int, ...], parts: Parts) -> None:
    manifest = folder / f"{name}_{MANIFEST}"
    manifest.unlink(missing_ok=True)
    identity = _identity(sources)
    with replacing(folder / f"{name}_x.npy") as images, replacing(folder / f"{name}_y.npy") as labels:
        digest = hashlib.sha256()
        y = _append(images, shape, parts, digest)
        np.save(labels, y)
        labels.seek(0)
        checksum = zlib.crc32(labels.read())
    stored = _identity([folder / f"{name}_x.npy"])  # once it is in place
    content = {"sources": identity, "stored": stored, "labels": checksum, "count": len(y), "digest": digest.hexdigest()}
    with replacing(manifest) as file:
        file.write(json.dumps(content).encode())


def _append(file: IO[bytes], shape: tuple[int, ...], parts: Parts, digest: Any) -> Array:
    """Write all images as one array, as they come, and return all labels; ``digest`` sees both."""
    _header(file, (0, *shape))
    labels = []
    for x, y in parts:
        content = np.ascontiguousarray(x).data
        file.write(content)
        digest.update(content)
        labels.append(y)
    found = np.concatenate(labels)
    digest.update(np.ascontiguousarray(found, dtype="<i8").data)
    # numpy leaves room in the header for an array that grows along its first axis
    _header(file, (len(found), *shape))
    return found


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
