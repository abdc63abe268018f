"""Checkpoints: weights in safetensors, everything else in a file that loads with ``weights_only=True``.

``checkpoints/<name>/`` holds ``weights.safetensors``, ``state.pt`` and ``manifest.json`` with the digests of both, the
hash of the config and how far the logs were. A checkpoint is written beside the others under a hidden name and renamed
when it is whole. ``labels.json`` says which are ``last``, ``best`` and ``epoch-0010``; it is replaced in one move, so
that a kill at any moment leaves either the old labels or the new ones, and whole checkpoints behind each.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from tpzoo.errors import CheckpointError, RunError
from tpzoo.files import LoggedFile, remove_unfinished, sync_folder, write_atomic
from tpzoo.runner.manifest import (
    LABELS,
    NAME,
    STATE,
    WEIGHTS,
    Manifest,
    checkpoint_names,
    read_labels,
    read_manifest,
    remove_checkpoint,
    write_labels,
)


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

    def save(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        state: Mapping[str, Any],
        labels: tuple[str, ...],
        logs: Mapping[str, LoggedFile] | None = None,
        epoch: int | None = None,
        data: str = "",
    ) -> Path:
        """Write a checkpoint and let ``labels`` (``last``, ``best``, ``epoch-0010``) point to it.

        Checkpoints that no label points to are removed, but none before the new one is whole and labelled.

        Args:
            logs: the run's logs as they are now, by name.
            epoch: the one that has just ended, if one has.
            data: the digest of the data that the run was started on.

        Raises:
            RunError: the disk is full or refuses; the earlier checkpoints and labels are as they were.
        """
        weights = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        # made in memory: torch and safetensors report a full disk each in a way of its own, and neither syncs
        content = {WEIGHTS: safetensors.torch.save(weights), STATE: pickled(state)}
        digests = {file: _digest(value) for file, value in content.items()}
        try:
            manifest = Manifest(self._config_hash, labels, digests, dict(logs or {}), epoch, data)
            return self._write(name, content, manifest)
        except OSError as error:
            self._remove_parts()
            what = f"a checkpoint cannot be written to {self.folder}: {error.strerror or error}"
            hint = f"earlier ones are intact: make room, then go on with tpzoo train --resume {self.folder.parent}"
            raise RunError(what, hint) from error

    def load(self, label: str = "last") -> Saved:
        """Read the checkpoint that ``label`` points to, or that has this name.

        Raises:
            CheckpointError: there is none, it is damaged, or it belongs to another config.
        """
        path = self.folder / self.verify(label)
        try:
            weights = safetensors.torch.load_file(path / WEIGHTS)
            state = torch.load(path / STATE, map_location="cpu", weights_only=True)
        except Exception as error:  # each reader has errors of its own
            raise CheckpointError(f"{path} cannot be read: {error}", self._others(path)) from error
        return Saved(weights, state)

    def verify(self, label: str) -> str:
        """See that a checkpoint is whole, without loading it; returns its name. Errors as :meth:`load`."""
        path = self.folder / self.name_of(label)
        for name, digest in self.manifest(path.name).files.items():
            if not (path / name).is_file() or _digest((path / name).read_bytes()) != digest:
                raise CheckpointError(f"{path / name} is damaged or missing", self._others(path))
        return path.name

    def labels(self) -> dict[str, str]:
        """Every label and the name of the checkpoint that it points to; empty before the first checkpoint.

        Raises:
            CheckpointError: ``labels.json`` is damaged, or missing where there is more than one checkpoint.
        """
        try:
            return read_labels(self.folder)
        except CheckpointError as error:
            raise CheckpointError(error.what, self._others(self.folder / LABELS)) from error

    def name_of(self, label: str) -> str:
        """The name of the checkpoint that ``label`` points to, or that has this name.

        Raises:
            CheckpointError: there is none, or the labels cannot be read.
        """
        if label in checkpoint_names(self.folder):
            return label
        labels, label = self.labels(), label_of(label)
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none"
            why = (
                "; the best is kept where the run has a validation split (data.validation) and checkpoint.keep_best"
                if label == "best"
                else ""
            )
            raise CheckpointError(f"{self.folder} holds no checkpoint '{label}'", f"there are: {known}{why}")
        return labels[label]

    def manifest(self, name: str) -> Manifest:
        """What the checkpoint called ``name`` says of itself.

        Raises:
            CheckpointError: it is damaged, or belongs to another config.
        """
        path = self.folder / name
        try:
            found = read_manifest(path)
        except CheckpointError as error:
            raise CheckpointError(error.what, self._others(path)) from error
        if found.config_hash != self._config_hash:
            what = f"{path} belongs to the config {found.config_hash}, not to {self._config_hash}"
            raise CheckpointError(what, "resume a run in its own folder, with its own config.yaml")
        return found

    def data_of(self, label: str) -> str:
        """The digest of the data that a checkpoint was made on; empty before the first one. Errors as :meth:`load`."""
        return self.manifest(self.name_of(label)).data if checkpoint_names(self.folder) else ""

    def later_than(self, name: str) -> list[str]:
        """The checkpoints that were made after the one called ``name``, oldest first."""
        return [each for each in checkpoint_names(self.folder) if each > name]

    def discard_later(self, name: str, best: str | None) -> None:
        """Make the checkpoint called ``name`` the last one: labels of later ones are dropped, in one move.

        The later checkpoints themselves go when the next one is saved.

        Args:
            best: which checkpoint was the best by then, if it is still there.
        """
        kept = {label: each for label, each in self.readable_labels().items() if each <= name and label != "best"}
        write_labels(self.folder, {**kept, "last": name, **({"best": best} if best else {})})

    def tidy(self) -> None:
        """Remove what a run leaves that was killed while it saved; every checkpoint with a label stays."""
        self._remove_parts()
        if labels := self.readable_labels():
            self._prune(set(), set(labels.values()))

    def _write(self, name: str, content: Mapping[str, bytes], manifest: Manifest) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_parts()
        pointers = self.readable_labels()
        if name in checkpoint_names(self.folder) and name not in pointers.values() and self._is_ours(name):
            remove_checkpoint(self.folder / name)  # of a run that was killed before it was labelled
        path = self.folder / _unused(name, self.folder, pointers.values())
        part = self.folder / f".{path.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for file, value in content.items():
            write_atomic(part / file, value)
        manifest.write(part)
        os.replace(part, path)
        sync_folder(self.folder)
        before = set(pointers.values())
        pointers.update(dict.fromkeys(manifest.labels, path.name))
        write_labels(self.folder, pointers)
        self._prune(before, set(pointers.values()))
        return path

    def readable_labels(self) -> dict[str, str]:
        """The labels; where they cannot be read, the name of every checkpoint, so that none is lost."""
        try:
            return self.labels()
        except CheckpointError:
            return {name: name for name in checkpoint_names(self.folder)}

    def _others(self, path: Path) -> str:
        others = [name for name in checkpoint_names(self.folder) if name != path.name]
        if not others:
            return "there is no other checkpoint; start the run again in another folder"
        return f"go on from another one with --checkpoint NAME: {', '.join(others)}"

    def _remove_parts(self) -> None:
        """What a run leaves that was killed while it saved."""
        for part in self.folder.glob(".step-*.part"):
            if NAME.fullmatch(part.name[1:-5]) and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
        remove_unfinished(self.folder)

    def _prune(self, before: set[str], kept: set[str]) -> None:
        """Remove the checkpoints of this run that no label points to; nothing else is tpzoo's to remove."""
        for name in checkpoint_names(self.folder):
            if name not in kept and (name in before or self._is_ours(name)):
                remove_checkpoint(self.folder / name)

    def _is_ours(self, name: str) -> bool:
        try:
            return read_manifest(self.folder / name).config_hash == self._config_hash
        except CheckpointError:
            return False


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


def label_of(label: str) -> str:
    """The label as a run writes it: ``epoch-5`` is ``epoch-0005``."""
    epoch = re.fullmatch(r"epoch-(\d+)", label)
    return f"epoch-{int(epoch[1]):04d}" if epoch else label


def unreadable(state: Any) -> str:
    """Why ``state`` would not be read back from a checkpoint, which runs no code; empty if it would."""
    buffer = io.BytesIO()
    try:
        torch.save(state, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)
    except Exception as error:  # pickling runs the objects' own code
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ""


def pickled(state: Mapping[str, Any]) -> bytes:
    """What ``state.pt`` holds of a state."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def _unused(name: str, folder: Path, taken: Iterable[str]) -> str:
    """``name``, or ``name-2`` and so on: what a label points to, or somebody put there, is never written over."""
    names = {*taken, *(path.name for path in folder.glob("step-*"))}
    number, found = 1, name
    while found in names:
        number += 1
        found = f"{name}-{number}"
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
