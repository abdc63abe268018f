"""What data look like: shapes, sizes, classes, and what a network must beat."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from tpzoo.engine.data import Data
from tpzoo.engine.images import Normalise
from tpzoo.engine.objective import classes_of

MOST_SHOWN = 20


def class_counts(data: Data) -> tuple[int, ...]:
    """How many training examples each class has; empty for a regression."""
    if data.spec.task != "classification":
        return ()
    return tuple(torch.bincount(classes_of(data.train.y), minlength=data.spec.output_size).tolist())


def baseline(data: Data) -> dict[str, Any]:
    """What takes no learning: the test error in per cent of always saying the commonest training class.

    The classes must have been counted. Of a regression nothing: its R^2 already compares with the mean.
    """
    counts = data.spec.class_counts
    if not counts:
        return {}
    most = counts.index(max(counts))
    wrong = classes_of(data.test.y) != most
    return {"class": most, "test_error": 100 * float(wrong.double().mean())}


def describe_data(data: Data) -> list[str]:
    """Lines for people: what an example is, how many each split has, classes and their counts, the baseline."""
    spec, x = data.spec, data.train.x
    sizes = {"train": data.train, "validation": data.validation, "test": data.test}
    found = ", ".join(f"{len(split)} {name}" for name, split in sizes.items() if split is not None)
    stored = f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape[1:])}"
    lines = [f"examples: {stored} as stored, {tuple(spec.input_shape)} as the network gets them; {found}"]
    counts = spec.class_counts
    if not counts:
        return [*lines, f"regression of {spec.output_size} value{'s' * (spec.output_size != 1)}"]
    shown = ", ".join(f"{i}: {count}" for i, count in enumerate(counts[:MOST_SHOWN]))
    lines.append(
        f"{len(counts)} classes, training examples of each: {shown}{', ...' if len(counts) > MOST_SHOWN else ''}"
    )
    always = baseline(data)
    lines.append(f"always saying class {always['class']} has the test error {always['test_error']:.2f} %")
    return lines


PREPARATION = ("normalise", "scale_targets")
"""What of a data set's preparation a checkpoint keeps."""

PLAIN = "Normalise"
"""Stands for tpzoo's own :class:`Normalise`, which is its mean and its deviation and nothing else."""


def record_of(data: Data) -> dict[str, Any]:
    """What ``environment.json`` says of the data, so that the network can be built without them."""
    found = {name: getattr(data, name) for name in PREPARATION}
    return {
        "spec": {**asdict(data.spec), "class_counts": list(data.spec.class_counts)},
        "preparation": {name: None if part is None else _kind(part) for name, part in found.items()},
    }


def _kind(part: Any) -> str:
    return PLAIN if type(part) is Normalise else f"{type(part).__module__}.{type(part).__qualname__}"
