"""What the checkpoints of a run say of themselves, read without torch: their manifests and ``labels.json``.

A manifest holds the hash of the config, the digests of the two files beside it, and how long the run's logs were and
what they held when the checkpoint was made. So a log that lost its end is found.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tpzoo.errors import CheckpointError
from tpzoo.files import LoggedFile
from tpzoo.sealed import DamagedError, read_sealed, write_sealed

SCHEMA = 3
WEIGHTS, STATE = FILES = ("weights.safetensors", "state.pt")
MANIFEST, LABELS = "manifest.json", "labels.json"
NAME = re.compile(r"step-\d{8,}-\d{5,}-\d{5,}(-\d+)?")
"""What a checkpoint is called: step, phase and batch, so that names sort by time."""


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint says of itself.

    Attributes:
        labels: those that it was saved under.
        files: the digests of its files, by name.
        logs: the run's logs when it was made, by name.
        epoch: the one that it was made at the end of; None within an epoch.
        data: the digest of the data that the run was started on; empty if it is not known.
    """

    config_hash: str
    labels: tuple[str, ...]
    files: Mapping[str, str]
    logs: Mapping[str, LoggedFile]
    epoch: int | None = None
    data: str = ""

    def write(self, folder: Path) -> None:
        """Write ``manifest.json``."""
        logs = {name: [each.bytes, each.sha256] for name, each in self.logs.items()}
        content = {"config_hash": self.config_hash, "labels": list(self.labels), "files": dict(self.files)}
        made = {"epoch": self.epoch, "data": self.data}
        write_sealed(folder / MANIFEST, {"schema": SCHEMA, **content, **made, "logs": logs})


def read_manifest(checkpoint: Path) -> Manifest:
    """The manifest of a checkpoint's folder.

    Raises:
        CheckpointError: there is none, it is damaged, or of another version.
    """
    try:
        found = read_sealed(checkpoint / MANIFEST)
        schema, files = found["schema"], {str(name): str(digest) for name, digest in found["files"].items()}
        if schema == SCHEMA and sorted(files) == sorted(FILES):
            logs = {str(name): LoggedFile(int(size), str(digest)) for name, (size, digest) in found["logs"].items()}
            epoch = None if found["epoch"] is None else int(found["epoch"])
            labels = tuple(map(str, found["labels"]))
            return Manifest(str(found["config_hash"]), labels, files, logs, epoch, str(found["data"]))
    except (OSError, DamagedError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint} is not a checkpoint, or a damaged one: {error}") from error
    raise CheckpointError(f"{checkpoint} was written by another version of tpzoo (schema {schema})")


def read_labels(folder: Path) -> dict[str, str]:
    """Every label and the name of the checkpoint that it points to; empty before the first checkpoint.

    Args:
        folder: ``checkpoints`` of a run.

    Raises:
        CheckpointError: ``labels.json`` is damaged, or missing where there is more than one checkpoint.
    """
    path = folder / LABELS
    try:
        return {str(label): Path(name).name for label, name in read_sealed(path).items()}
    except FileNotFoundError:
        names = checkpoint_names(folder)
        if not names:
            return {}
        if len(names) == 1:  # the first one: a kill came between it and its labels
            return dict.fromkeys(read_manifest(folder / names[0]).labels, names[0])
        raise CheckpointError(f"{path} is missing") from None
    except DamagedError as error:
        raise CheckpointError(str(error)) from error
    except TypeError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def write_labels(folder: Path, labels: Mapping[str, str]) -> None:
    """Put ``labels.json`` in place, in one move."""
    write_sealed(folder / LABELS, labels)


def checkpoint_names(folder: Path) -> list[str]:
    """The checkpoints that tpzoo wrote into ``folder``, oldest first; what others put there is not among them."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in found if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint and nothing else: a file that somebody put into its folder stays, and so does the folder."""
    own = {MANIFEST, *FILES}
    if any(each.name not in own for each in path.iterdir()):
        for name in (MANIFEST, *FILES):  # the manifest first: what is left without it is no checkpoint
            (path / name).unlink(missing_ok=True)
        return
    part = path.with_name(f".{path.name}.part")  # under this name it is removed later, if this is killed
    os.replace(path, part)
    shutil.rmtree(part, ignore_errors=True)


def require_logs(run: Path, logs: Mapping[str, LoggedFile], others: Sequence[str] = ()) -> None:
    """See that the logs in folder ``run`` hold what a checkpoint counts on; what was added since is not looked at.

    Args:
        others: earlier checkpoints, for the hint.

    Raises:
        CheckpointError: one is missing, shorter, or holds other bytes.
    """
    for name, logged in logs.items():
        if problem := log_problem(run / Path(name).name, logged):
            go_on = f", or go on from an earlier checkpoint with --checkpoint NAME --discard-later: {', '.join(others)}"
            raise CheckpointError(problem, f"put the file back from a copy{go_on if others else ''}")


def log_problem(path: Path, logged: LoggedFile) -> str:
    """Why the file at ``path`` does not begin with what was logged; empty if it does."""
    digest, left = hashlib.sha256(), logged.bytes
    try:
        with open(path, "rb") as file:
            while left and (chunk := file.read(min(left, 1 << 20))):
                digest.update(chunk)
                left -= len(chunk)
            length = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return f"{path} is missing" if logged.bytes else ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if left:
        return f"{path} lost its end: it holds {length} bytes, and the checkpoint counts on {logged.bytes}"
    return "" if digest.hexdigest() == logged.sha256 else f"{path} is damaged: its bytes are not those that were logged"
