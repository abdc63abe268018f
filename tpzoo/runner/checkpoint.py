"""Checkpoints: weights in safetensors, everything else in a file that loads with ``weights_only=True``.

``checkpoints/<step>-<phase>/`` holds ``weights.safetensors``, ``state.pt`` and ``manifest.json`` with the hash of both
and of the config. A checkpoint is written beside the others under another name and renamed when it is whole; ``last``
and ``best`` are small files that name one. A kill at any moment leaves the earlier ones as they were.
"""

from __future__ import annotations

import hashlib
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

from tpzoo.errors import CheckpointError
from tpzoo.runner.files import sync_folder, write_atomic

SCHEMA = 1
FILES = ("weights.safetensors", "state.pt")


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
        """Write a checkpoint and let ``labels`` (``last``, ``best``, ``epoch-10``) point to it.

        Checkpoints that no label points to are removed.
        """
        path, part = self.folder / name, self.folder / f".{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        safetensors.torch.save_file(
            {key: value.detach().cpu().contiguous() for key, value in weights.items()}, part / FILES[0]
        )
        torch.save(dict(state), part / FILES[1])
        manifest = {"schema": SCHEMA, "config_hash": self._config_hash, "files": {f: _digest(part / f) for f in FILES}}
        write_atomic(part / "manifest.json", json.dumps(manifest, indent=2) + "\n")
        if path.exists():
            shutil.rmtree(path)
        os.replace(part, path)
        sync_folder(self.folder)
        for label in labels:
            write_atomic(self.folder / label, name + "\n")
        self._prune()
        return path

    def load(self, label: str = "last") -> Saved:
        """Read the checkpoint that ``label`` points to.

        Raises:
            CheckpointError: there is none, it is damaged, or it belongs to another config.
        """
        path = self._pointed(label)
        manifest = self._manifest(path)
        for name, digest in manifest["files"].items():
            if not (path / name).is_file() or _digest(path / name) != digest:
                raise CheckpointError(f"{path / name} is damaged or missing", self._others(path))
        try:
            weights = safetensors.torch.load_file(path / FILES[0])
            state = torch.load(path / FILES[1], map_location="cpu", weights_only=True)
        except Exception as error:  # each reader has errors of its own
            raise CheckpointError(f"{path} cannot be read: {error}", self._others(path)) from error
        return Saved(weights, state)

    def labels(self) -> dict[str, str]:
        """Every label and the checkpoint that it points to."""
        if not self.folder.is_dir():
            return {}
        found = (path for path in self.folder.iterdir() if path.is_file() and not path.name.startswith("."))
        return {path.name: path.read_text("utf-8").strip() for path in found}

    def _pointed(self, label: str) -> Path:
        labels = self.labels()
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none"
            raise CheckpointError(f"{self.folder} holds no checkpoint '{label}'", f"there are: {known}")
        return self.folder / labels[label]

    def _manifest(self, path: Path) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text("utf-8"))
            schema, owner, files = manifest["schema"], manifest["config_hash"], manifest["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is not a checkpoint, or a damaged one: {error}", self._others(path)
            ) from error
        if schema != SCHEMA or sorted(files) != sorted(FILES):
            raise CheckpointError(f"{path} was written by another version of tpzoo (schema {schema})")
        if owner != self._config_hash:
            what = f"{path} belongs to the config {owner}, not to {self._config_hash}"
            raise CheckpointError(what, "resume a run in its own folder, with its own config.yaml")
        return manifest

    def _others(self, path: Path) -> str:
        others = sorted(label for label, name in self.labels().items() if name != path.name)
        return f"another checkpoint may still be whole: {', '.join(others)}" if others else "there is no other one"

    def _prune(self) -> None:
        kept = set(self.labels().values())
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def weights_of(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Every parameter and buffer once, by ``module.name``."""
    return {
        f"{prefix}.{name}": value
        for prefix, module in modules.items()
        for name, value in [*module.named_parameters(), *module.named_buffers()]
    }


def put_back(modules: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Copy saved weights into the modules.

    Raises:
        CheckpointError: names or shapes differ.
    """
    own = weights_of(modules)
    if own.keys() != weights.keys():
        odd = ", ".join(sorted(own.keys() ^ weights.keys())[:5])
        raise CheckpointError(f"the checkpoint holds other weights than this network: {odd}")
    for name, value in weights.items():
        if own[name].shape != value.shape:
            raise CheckpointError(f"{name} has shape {tuple(value.shape)}, not {tuple(own[name].shape)}")
        own[name].data.copy_(value)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
