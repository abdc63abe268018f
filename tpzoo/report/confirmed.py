"""Is a run folder what its run wrote? Checked by the digests that tpzoo leaves in it; the weights are not read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tpzoo.config import load
from tpzoo.errors import CheckpointError, DataError, TpzooError
from tpzoo.runner.code import sessions_of
from tpzoo.runner.manifest import Manifest, log_problem, read_labels, read_manifest
from tpzoo.sealed import DamagedError, read_sealed

METRICS = "metrics.csv"


@dataclass(frozen=True)
class Confirmed:
    """What a folder says of its run, in so far as that is what the run wrote.

    Attributes:
        environment, status: the content of ``environment.json`` and ``status.json``; empty if there is none.
        confirmed: how many bytes of ``metrics.csv`` the last checkpoint counts on; None if there is no checkpoint.
        kept: by epoch the label of a checkpoint that was made at its end; None if there is no checkpoint.
        notes: what could not be checked.
    """

    environment: dict[str, Any]
    status: dict[str, Any]
    confirmed: int | None = None
    kept: dict[int, str] | None = None
    notes: list[str] = field(default_factory=list)


def confirm(folder: Path) -> Confirmed:
    """Check what the run in ``folder`` wrote.

    Raises:
        DataError: a file is damaged; it is named.
    """
    environment, status = _sealed(folder / "environment.json"), _sealed(folder / "status.json")
    _check_config(folder / "config.yaml", environment)
    checkpoints, notes = _checkpoints(folder / "checkpoints")
    logged = checkpoints["last"].logs.get(METRICS) if "last" in checkpoints else None
    kept = {each.epoch: label for label, each in sorted(checkpoints.items()) if each.epoch is not None}
    if logged is None:
        gone = [f"{folder}: its checkpoints are not there, so that its metrics.csv could not be checked"]
        return Confirmed(environment, status, None, kept or None, [*notes, *(gone if status.get("saved") else [])])
    if problem := log_problem(folder / METRICS, logged):
        raise DataError(problem)
    return Confirmed(environment, status, logged.bytes, kept, notes)


def _sealed(path: Path) -> dict[str, Any]:
    try:
        return read_sealed(path)
    except FileNotFoundError:
        return {}
    except DamagedError as error:
        raise DataError(str(error)) from error


def _checkpoints(folder: Path) -> tuple[dict[str, Manifest], list[str]]:
    """What each labelled checkpoint says of itself, and a note for each but the last that cannot be read."""
    found, notes = {}, []
    try:
        labels = read_labels(folder)
        if "last" in labels:
            found["last"] = read_manifest(folder / labels["last"])
    except CheckpointError as error:
        raise DataError(error.what) from error
    for label, name in labels.items():
        if label == "last":
            continue
        try:
            found[label] = read_manifest(folder / name)
        except CheckpointError as error:
            notes.append(error.what)
    return found, notes


def _check_config(path: Path, environment: dict[str, Any]) -> None:
    """A config that was edited must still have the hash that the run began with."""
    written, started_with = environment.get("config_digest"), environment.get("config_hash")
    try:
        content = path.read_bytes()
    except OSError:
        return  # whoever reads it says so
    if written is None or written == hashlib.sha256(content).hexdigest():
        return
    try:
        same = load(path).hash == started_with
    except TpzooError as error:
        raise DataError(f"{path} is not what the run wrote, and cannot be loaded: {error.what}") from error
    if not same:
        raise DataError(f"{path} is not what the run wrote: it has another hash than {started_with}")


def data_of(environment: Mapping[str, Any]) -> str:
    """A digest of the stored data that a run was made on, whatever rows its seed held out; empty if it does not say."""
    data = environment.get("data")
    stored = data.get("stored") if isinstance(data, dict) else None
    return "" if stored is None else hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]


def code_of(environment: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """By session the digests of the code by distribution; sessions with the same code in a row are one."""
    found: list[tuple[tuple[str, str], ...]] = []
    for session in sessions_of(environment):
        code = session.get("code")
        if isinstance(code, dict):
            digests = ((str(owner), str(each.get("code"))) for owner, each in code.items() if isinstance(each, dict))
            made_with = tuple(sorted(digests))
            if not found or found[-1] != made_with:
                found.append(made_with)
    return tuple(found)
