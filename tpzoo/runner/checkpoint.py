"""Checkpoints: weights in safetensors, everything else in a file that loads with ``weights_only=True``.

``checkpoints/<name>/`` holds ``weights.safetensors``, ``state.pt`` and ``manifest.json`` with the hash of both and of
the config. A checkpoint is written beside the others under a hidden name and renamed when it is whole. ``labels.json``
says which are ``last``, ``best`` and ``epoch-0010``; it is replaced in one move, so that a kill at any moment leaves
either the old labels or the new ones, and whole checkpoints behind each.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from tpzoo.errors import CheckpointError, RunError
from tpzoo.files import remove_unfinished, sync_folder, write_atomic

SCHEMA = 1
WEIGHTS, STATE = FILES = ("weights.safetensors", "state.pt")
MANIFEST, LABELS = "manifest.json", "labels.json"


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    weights: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: ``checkpoints`` in the run's folder.
        config_hash: of the run's config; a checkpoint of another config is refused.
    """

    def __init__(self, folder: Path, config_hash: str) -> None:
        self.folder = folder
        self._config_hash = config_hash

    def save(self, name: str, weights: Mapping[str, Tensor], state: Mapping[str, Any], labels: tuple[str, ...]) -> Path:
        """Write a checkpoint and let ``labels`` (``last``, ``best``, ``epoch-0010``) point to it.

        Checkpoints that no label points to are removed, but none before the new one is whole and labelled.

        Raises:
            RunError: the disk is full or refuses; the earlier checkpoints and labels are as they were.
        """
        weights = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        # made in memory: torch and safetensors report a full disk each in a way of its own, and neither syncs
        content = {WEIGHTS: safetensors.torch.save(weights), STATE: _pickled(state)}
        try:
            return self._write(name, content, labels)
        except OSError as error:
            for part in self.folder.glob(".*.part"):
                shutil.rmtree(part, ignore_errors=True)
            what = f"a checkpoint cannot be written to {self.folder}: {error.strerror or error}"
            hint = f"earlier ones are intact: make room, then go on with tpzoo train --resume {self.folder.parent}"
            raise RunError(what, hint) from error

    def load(self, label: str = "last") -> Saved:
        """Read the checkpoint that ``label`` points to, or that has this name.

        Raises:
            CheckpointError: there is none, it is damaged, or it belongs to another config.
        """
        path = self._pointed(label)
        manifest = self._manifest(path)
        for name, digest in manifest["files"].items():
            if not (path / name).is_file() or _digest((path / name).read_bytes()) != digest:
                raise CheckpointError(f"{path / name} is damaged or missing", self._others(path))
        try:
            weights = safetensors.torch.load_file(path / WEIGHTS)
            state = torch.load(path / STATE, map_location="cpu", weights_only=True)
        except Exception as error:  # each reader has errors of its own
            raise CheckpointError(f"{path} cannot be read: {error}", self._others(path)) from error
        return Saved(weights, state)

    def labels(self) -> dict[str, str]:
        """Every label and the name of the checkpoint that it points to; empty before the first checkpoint.

        Raises:
            CheckpointError: ``labels.json`` is damaged, or missing where there is more than one checkpoint.
        """
        path = self.folder / LABELS
        try:
            found = json.loads(path.read_text("utf-8"))
            return {str(label): Path(name).name for label, name in found.items()}
        except FileNotFoundError:
            names = self._names()
            if not names:
                return {}
            if len(names) == 1:  # the first one: a kill came between it and its labels
                return dict.fromkeys(map(str, self._manifest(self.folder / names[0])["labels"]), names[0])
            what = f"{path} is missing"
        except (OSError, ValueError, AttributeError, TypeError) as error:
            what = f"{path} is damaged: {error}"
        raise CheckpointError(what, self._others(path))

    def _write(self, name: str, content: Mapping[str, bytes], labels: tuple[str, ...]) -> Path:
        pointers = self._pointers()
        path = self.folder / _unused(name, pointers.values())
        part = self.folder / f".{path.name}.part"
        for leftover in (part, path):  # of a run that was killed; no label points to it
            shutil.rmtree(leftover, ignore_errors=True)
        part.mkdir(parents=True)
        for file, value in content.items():
            write_atomic(part / file, value)
        digests = {file: _digest(value) for file, value in content.items()}
        manifest = {"schema": SCHEMA, "config_hash": self._config_hash, "labels": labels, "files": digests}
        write_atomic(part / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        os.replace(part, path)
        sync_folder(self.folder)
        pointers.update(dict.fromkeys(labels, path.name))
        write_atomic(self.folder / LABELS, json.dumps(pointers, indent=2) + "\n")
        self._prune(set(pointers.values()))
        return path

    def _pointers(self) -> dict[str, str]:
        try:
            return self.labels()
        except CheckpointError:  # the run was resumed from a checkpoint by its name: now each keeps its own
            return {name: name for name in self._names()}

    def _pointed(self, label: str) -> Path:
        if label in self._names():
            return self.folder / label
        labels = self.labels()
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none"
            raise CheckpointError(f"{self.folder} holds no checkpoint '{label}'", f"there are: {known}")
        return self.folder / labels[label]

    def _manifest(self, path: Path) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text("utf-8"))
            schema, owner, labels = manifest["schema"], manifest["config_hash"], list(manifest["labels"])
            files = sorted(manifest["files"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{path} is not a checkpoint, or a damaged one: {error}", self._others(path)
            ) from error
        if schema != SCHEMA or [name for name, _ in files] != sorted(FILES):
            raise CheckpointError(
                f"{path} was written by another version of tpzoo (schema {schema})", self._others(path)
            )
        if owner != self._config_hash:
            what = f"{path} belongs to the config {owner}, not to {self._config_hash}"
            raise CheckpointError(what, "resume a run in its own folder, with its own config.yaml")
        return {**manifest, "labels": labels}

    def _others(self, path: Path) -> str:
        others = [name for name in self._names() if name != path.name]
        if not others:
            return "there is no other checkpoint; start the run again in another folder"
        return f"go on from another one with --checkpoint NAME: {', '.join(others)}"

    def _names(self) -> list[str]:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path.name for path in found if path.is_dir() and not path.name.startswith("."))

    def _prune(self, kept: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
        remove_unfinished(self.folder)


def weights_of(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Every parameter and buffer by ``module.name``; once, under its first name, where modules share it."""
    found: dict[int, tuple[str, Tensor]] = {}
    for prefix, module in modules.items():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            found.setdefault(id(value), (f"{prefix}.{name}", value))
    return dict(found.values())


def put_back(modules: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Copy saved weights into the modules.

    Raises:
        CheckpointError: names or shapes differ; then nothing was copied.
    """
    own = weights_of(modules)
    if own.keys() != weights.keys():
        odd = ", ".join(sorted(own.keys() ^ weights.keys())[:5])
        raise CheckpointError(f"the checkpoint holds other weights than this network: {odd}")
    for name, value in weights.items():
        if own[name].shape != value.shape:
            raise CheckpointError(f"{name} has shape {tuple(value.shape)}, not {tuple(own[name].shape)}")
    for name, value in weights.items():
        own[name].data.copy_(value)


def _pickled(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def _unused(name: str, taken: Any) -> str:
    """``name``, or ``name-2`` and so on: what a label points to is never written over."""
    names = set(taken)
    number, found = 1, name
    while found in names:
        number += 1
        found = f"{name}-{number}"
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
