"""One check of examples and labels where they enter, whoever built them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from tpzoo.engine.data import Data, DataSpec, Split
from tpzoo.errors import DataError


def check_data(data: Data) -> list[str]:
    """See that every split is what the specification says.

    Returns:
        One line for each thing that is allowed and odd.

    Raises:
        DataError: a split has no examples, an example has another shape, a label is out of range or of another type, or
            a number is not finite. The split is named.
    """
    splits = {"training": data.train, "test": data.test, "validation": data.validation}
    found = {name: split for name, split in splits.items() if split is not None}
    for name, split in found.items():
        if not len(split):
            raise DataError(f"the data hold no {name} example", "give at least one")
        _check_examples(name, split, data.spec)
        if data.spec.task == "classification":
            _check_classes(name, split, data.spec.output_size)
        else:
            _check_values(name, split, data.spec.output_size)
    return list(_odd(data))


def are_soft(y: torch.Tensor) -> bool:
    """Whether floating point labels (count, classes) are shares of classes: at least 0, and 1 in sum."""
    if y.dim() != 2 or y.shape[1] < 2 or not y.is_floating_point():
        return False
    sums = y.double().sum(1)
    return bool((y >= 0).all()) and bool(torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=1e-3))


def _check_examples(name: str, split: Split, spec: DataSpec) -> None:
    x, shape = split.x, tuple(split.x.shape[1:])
    fits = math.prod(shape) == spec.input_shape[0] if len(spec.input_shape) == 1 else shape == tuple(spec.input_shape)
    if not fits:
        raise DataError(f"the {name} examples have the shape {shape}, and the data say {tuple(spec.input_shape)}")
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise DataError(f"the {name} examples are {x.dtype}", "give uint8 pixels or floating point numbers")
    if x.is_floating_point() and not bool(x.isfinite().all()):
        raise DataError(f"the {name} examples hold numbers that are not finite")


def _check_classes(name: str, split: Split, classes: int) -> None:
    y = split.y
    if are_soft(y) and y.shape[1] == classes:
        return
    if y.dtype != torch.int64 or y.dim() != 1:
        what = f"the {name} labels are {y.dtype} of shape {tuple(y.shape)}"
        raise DataError(what, f"give int64 classes of shape (count,), or shares of classes of shape (count, {classes})")
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise DataError(f"the {name} labels run from {low} to {high}", f"{classes} classes are 0 to {classes - 1}")


def _check_values(name: str, split: Split, width: int) -> None:
    y = split.y
    if not y.is_floating_point() or y.dim() < 2 or math.prod(y.shape[1:]) != width:
        what = f"the {name} labels of a regression are {y.dtype} of shape {tuple(y.shape)}"
        raise DataError(what, f"give floating point values of shape (count, {width})")
    if not bool(y.isfinite().all()):
        raise DataError(f"the {name} labels hold numbers that are not finite")


def _odd(data: Data) -> Iterator[str]:
    y = data.train.y
    if y.is_floating_point() and data.spec.task == "classification":
        yield "labels are shares of classes: those with the largest share are what accuracies are of"
    elif y.is_floating_point() and bool((y == y.round()).all()):
        yield "labels are whole numbers and taken for a regression: save integers for classes"
    elif data.spec.task == "classification" and data.spec.output_size == 1:
        yield "labels are of a single class: there is nothing to learn"
    elif data.spec.task == "classification" and int(y.min()) == int(y.max()):
        yield f"all training labels are of the class {int(y.min())}"
    elif data.spec.task == "classification":
        yield from _without_examples(torch.bincount(y, minlength=data.spec.output_size))


def _without_examples(counts: torch.Tensor) -> Iterator[str]:
    none = (counts == 0).nonzero().flatten().tolist()
    if none == [0]:
        yield "no training example has class 0: where labels start at 1, subtract 1, or an output is never used"
    elif none:
        yield f"no training example has class {', '.join(map(str, none[:10]))}{', ...' if len(none) > 10 else ''}"
