"""The folder of a report: only what an earlier report wrote there is written over or removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tpzoo.errors import DataError
from tpzoo.files import write_atomic
from tpzoo.sealed import DamagedError, read_sealed, write_sealed

MARK = ".tpzoo-report.json"
"""Lists the files of the report with the digests of what they may hold."""

Digests = dict[str, list[str]]


def write_files(out: Path, content: Mapping[str, str | bytes]) -> None:
    """Write the files of a report; those of an earlier one that this one does not have go.

    Args:
        content: by path within ``out``.

    Raises:
        DataError: a file that no report wrote, or that was edited since, stands in the way; nothing was written. Or the
            folder cannot be written.
    """
    known = _known(out)
    for name in {**content, **known}:
        path = out / name
        if (path.exists() or path.is_symlink()) and (path.is_symlink() or _digest_of(path) not in known.get(name, [])):
            if name in content:
                what = f"{path} is there and no report wrote it, or it was edited since"
                raise DataError(what, "choose another folder by --out, or move the file")
            known.pop(name)  # somebody's by now
    new = {name: _digest(value) for name, value in content.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        # first both, so that a report that is killed can be made again
        write_sealed(
            out / MARK,
            {name: [*known.get(name, []), *([new[name]] if name in new else [])] for name in {**known, **new}},
        )
        for name in known.keys() - new.keys():
            (out / name).unlink(missing_ok=True)
        for name, value in content.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(out / name, value)
        write_sealed(out / MARK, {name: [digest] for name, digest in new.items()})
    except OSError as error:
        what = f"{error.filename or out} cannot be written: {error.strerror or error}"
        raise DataError(what, "choose another folder by --out") from error


def _known(out: Path) -> Digests:
    try:
        found = read_sealed(out / MARK)
    except (FileNotFoundError, NotADirectoryError, DamagedError):
        return {}
    inside = {
        name: each for name, each in found.items() if ".." not in Path(name).parts and not Path(name).is_absolute()
    }
    return {name: each for name, each in inside.items() if isinstance(each, list)}


def _digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _digest_of(path: Path) -> str:
    return _digest(path.read_bytes()) if path.is_file() else ""
