"""Anyone's arrays: ``x_train``, ``y_train``, ``x_test``, ``y_test`` in one .npz file.

Examples are vectors ``(count, features)``, grey images ``(count, height, width)`` or images of four dimensions;
uint8 means pixels 0..255. Integer labels ``(count,)`` make it a classification, and so do floating point ones ``(count,
classes)`` that are shares of classes, 1 in sum; other floating point labels make it a regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tpzoo import Data, DataSpec, Normalise, Split, are_soft, data_folder, file_digest, hold_out
from tpzoo.errors import DataError, SettingError
from tpzoo.zoo.datasets.plugin import NpzSettings
from tpzoo.zoo.datasets.vision import HALF, augmentation

NAMES = ("x_train", "y_train", "x_test", "y_test")
MOST_CLASSES = 1_000_000
"""More than any data set has: an output of such a width is a mistake in the labels."""

Arrays = Mapping[str, np.ndarray[Any, Any]]


def build(settings: NpzSettings) -> Data:
    """The file's examples; `spec` follows from their shapes and the labels' type.

    Raises:
        SettingError: no path is given, or an augmentation is asked for on vectors.
        DataError: the file is missing or damaged, holds objects (a pickle, which could run code), or its arrays do not
            fit each other.
    """
    if not settings.path:
        raise SettingError("data 'npz' needs the path of a file", "set data.path=FILE.npz")
    path = data_folder(settings.root) / settings.path
    arrays = read_arrays(path)
    train, test = (_split(arrays, part, settings.channels, path) for part in ("train", "test"))
    spec = _spec(train, test, path)
    _refuse_channels_last(train.x, settings.channels, path)
    if len(spec.input_shape) == 1 and (settings.flip or settings.crop):
        raise SettingError(f"{path}: vectors can be neither flipped nor cropped", "set data.flip=false data.crop=0")
    train, validation = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    normalise = _normalise(settings.normalisation, train.x)
    stored = {"file": file_digest(path)}
    targets = _target_scale(settings.target_scaling, spec, train.y, path)
    return Data(spec, train, test, validation, normalise, augmentation(settings), stored, targets)


def read_arrays(path: Path) -> Arrays:
    """The four arrays of the file; pickled objects are never loaded."""
    try:
        with np.load(path, allow_pickle=False) as pack:
            missing = [name for name in NAMES if name not in pack.files]
            if missing:
                raise DataError(f"{path} has no array {', '.join(missing)}", f"save it with {', '.join(NAMES)}")
            return {name: pack[name] for name in NAMES}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", "set data.path, and data.root if the path is relative") from error
    except DataError:
        raise
    except Exception as error:  # a damaged or foreign file can make numpy raise nearly anything
        raise DataError(f"{path} is not a readable .npz file of plain arrays: {error}") from error


def _split(arrays: Arrays, part: str, channels: str, path: Path) -> Split:
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if x.ndim not in (2, 3, 4) or len(x) == 0:
        raise DataError(
            f"{path}: x_{part} has shape {x.shape}", "give (count, features) or (count, height, width, ...)"
        )
    if len(x) != len(y):
        raise DataError(f"{path}: x_{part} has {len(x)} rows, y_{part} {len(y)}")
    examples = _tensor(x, f"{path}: x_{part}")
    if x.ndim == 3:
        examples = examples.unsqueeze(1)
    elif x.ndim == 4 and channels == "last":
        examples = examples.permute(0, 3, 1, 2).contiguous()
    return Split(examples, _labels(y, f"{path}: y_{part}"))


def _tensor(array: np.ndarray[Any, Any], what: str) -> Tensor:
    if array.dtype == np.uint8:
        return torch.from_numpy(array)
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise DataError(f"{what} is of type {array.dtype}", "give uint8 pixels or floating point numbers")
    if not np.isfinite(array).all():
        raise DataError(f"{what} holds numbers that are not finite")
    return torch.from_numpy(array)


def _labels(array: np.ndarray[Any, Any], what: str) -> Tensor:
    if array.dtype == np.bool_:
        raise DataError(f"{what} is of type bool", "save it as integers: y.astype(int)")
    if np.issubdtype(array.dtype, np.integer):
        if array.ndim != 1 or not len(array) or array.min() < 0 or array.max() >= MOST_CLASSES:
            hint = f"give one number 0, 1, ... below {MOST_CLASSES} for each example"
            raise DataError(f"{what} holds integers that are not classes", hint)
        return torch.from_numpy(array.astype(np.int64))
    if array.ndim not in (1, 2):
        raise DataError(f"{what} has shape {array.shape}", "give (count,) classes or (count, values) numbers")
    values = _tensor(array, what)
    return values.unsqueeze(1) if array.ndim == 1 else values


def _spec(train: Split, test: Split, path: Path) -> DataSpec:
    if train.x.shape[1:] != test.x.shape[1:] or train.x.dtype != test.x.dtype:
        raise DataError(
            f"{path}: training examples are {train.x.dtype} {tuple(train.x.shape[1:])},"
            f" test examples {test.x.dtype} {tuple(test.x.shape[1:])}"
        )
    if train.y.dtype != test.y.dtype or train.y.shape[1:] != test.y.shape[1:]:
        raise DataError(f"{path}: y_train and y_test are of different types or widths")
    shape = tuple(train.x.shape[1:])
    if are_soft(train.y) and are_soft(test.y):
        return DataSpec(shape, train.y.shape[1], "classification")
    if train.y.dtype != torch.int64:
        return DataSpec(shape, train.y.shape[1], "regression")
    return DataSpec(shape, int(max(train.y.max(), test.y.max())) + 1, "classification")


def _refuse_channels_last(x: Tensor, channels: str, path: Path) -> None:
    """Images of four dimensions whose last one looks like channels, read as if these stood first."""
    if channels != "first" or x.dim() != 4:
        return
    first, height, width = x.shape[1:]
    if width in (1, 3, 4) and first > 4 and height > 4:
        what = f"{path}: images of shape {tuple(x.shape[1:])} read as (channels, height, width) have {first} channels"
        raise DataError(f"{what} and are {width} pixels wide", "set data.channels=last, or save them channels first")


def _target_scale(name: str, spec: DataSpec, y: Tensor, path: Path) -> Normalise | None:
    if name == "none":
        return None
    if spec.task != "regression":
        raise SettingError(f"{path}: target_scaling is for a regression, and these labels are classes")
    return _standard(y)


def _normalise(name: str, x: Tensor) -> Normalise | None:
    if name == "none":
        return None
    if name == "half":
        return Normalise(*HALF)
    return _standard(x.double() / 255 if x.dtype == torch.uint8 else x)


def _standard(values: Tensor) -> Normalise:
    """To mean 0 and deviation 1 over ``values`` (count, ...), by channel or feature."""
    over = [0, *range(2, values.dim())]
    mean, std = values.double().mean(over), values.double().std(over, correction=0)
    # a feature that never varies carries nothing; 1 keeps it at zero instead of dividing by nothing
    return Normalise(mean.tolist(), torch.where(std > 0, std, 1.0).tolist())
