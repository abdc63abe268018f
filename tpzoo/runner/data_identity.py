"""Which data a run was trained on, and that it goes on with the same."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

import torch

from tpzoo.engine.data import Data, Split
from tpzoo.errors import CheckpointError
from tpzoo.runner.folder import RunFolder

LENGTH = 16


def identity(data: Data) -> dict[str, Any]:
    """What says which data these are: ``digest`` over ``stored`` (files or settings) and the rows of the splits.

    How examples are prepared is not in it: a config's hash covers that.
    """
    stored = dict(data.stored) if data.stored else {"arrays": _arrays(data)}
    rows = {name: split.rows for name, split in _splits(data).items() if split.rows}
    parts = json.loads(json.dumps({"stored": stored, "rows": rows}))  # as it is read back: tuples are lists there
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:LENGTH]
    return {"digest": digest, **parts}


def require_same_data(where: RunFolder, found: Mapping[str, Any], saved_with: str, other: bool = False) -> None:
    """See that the data are those that the run in a folder was started with.

    Args:
        found: the identity of the data that are there.
        saved_with: the digest that the checkpoint names; holds where ``environment.json`` is gone.
        other: others are wanted; one line says so.

    Raises:
        CheckpointError: they are others; both digests are named.
    """
    recorded = where.environment().get("data")
    known = recorded if isinstance(recorded, Mapping) else {"digest": saved_with}
    if not known.get("digest"):
        if where.has_saved():
            print(f"{where.path} does not say on which data it was started", file=sys.stderr)
        return
    if found["digest"] == known["digest"]:
        return
    parts = [part for part in ("stored", "rows") if found[part] != known.get(part, found[part])]
    what = f"{where.path} was started on the data {known.get('digest')}; these are {found['digest']}"
    differs = {"stored": "the stored data differ", "rows": "the rows of the splits differ"}
    said = " and ".join(differs[part] for part in parts) or "environment.json, which said more, is gone"
    if not other:
        hint = f"{said}: set data.path, data.root or TPZOO_DATA to those that it was started on"
        raise CheckpointError(what, f"{hint}; tpzoo evaluate --other-data takes others")
    print(f"other data: {what}; {said}", file=sys.stderr)


def _splits(data: Data) -> dict[str, Split]:
    found = {"train": data.train, "validation": data.validation, "test": data.test}
    return {name: split for name, split in found.items() if split is not None}


def _arrays(data: Data) -> str:
    """For data that do not say what they are stored as: a digest of the examples and labels themselves."""
    digest = hashlib.sha256()
    for name, split in _splits(data).items():
        for value in (split.x, split.y):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            for part in torch.split(value, 4096):
                digest.update(part.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
