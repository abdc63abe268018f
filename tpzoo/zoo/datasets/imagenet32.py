"""ImageNet in 32 x 32 pixels (Chrabaszcz et al. 2017), from its official pickled batches: 1,281,167 + 50,000.

The files lie in ``imagenet32/out_data_train/train_data_batch_1 ... _10`` and ``imagenet32/out_data_val/val_data`` below
the data folder (the folder ``imagenet32`` may be left out). They are read once, by a reader that runs no code, and
converted to .npy files of 4 GB, which are mapped into memory: examples are read from the disk when a batch takes them.
On a GPU, :meth:`tpzoo.Data.to` copies them to the device like any other data.

The test set is the official validation set, as in Ernoult et al. (2022). Their later code holds out 50 training
images of each class: ``validation: 50000, balanced: true``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from tpzoo import Data, DataSpec, Normalise, Split, data_folder, rows_digest, shuffled_rows, stratified_last
from tpzoo.errors import DataError, SettingError
from tpzoo.zoo.datasets.mapped import Array, mapped
from tpzoo.zoo.datasets.pickles import read_pickle
from tpzoo.zoo.datasets.plugin import Imagenet32Settings
from tpzoo.zoo.datasets.vision import HALF, augmentation

SHAPE = (3, 32, 32)
CLASSES = 1000
TRAIN = [f"out_data_train/train_data_batch_{i}" for i in range(1, 11)]
TEST = ["out_data_val/val_data"]
STATISTICS = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "half": HALF}


def build(settings: Imagenet32Settings) -> Data:
    """Images ``(3, 32, 32)`` of a thousand classes.

    Raises:
        DataError: files are missing, damaged, hold other arrays or name anything that could run code.
        SettingError: more examples are to be held out than there are, or not the same number of every class.
    """
    folder = _folder(data_folder(settings.root))
    (train, of_train), (test, of_test) = (_read(folder, *each) for each in ((TRAIN, "train"), (TEST, "test")))
    if settings.balanced and settings.stratified:
        raise SettingError("data.balanced and data.stratified are two ways to hold out", "set one of them")
    how = "balanced" if settings.balanced else "stratified" if settings.stratified else "any"
    train, validation = set_aside(train, settings.validation, settings.split_seed, how)
    chosen = STATISTICS.get(settings.normalisation)
    normalise = Normalise(*chosen) if chosen else None
    spec, stored = DataSpec(SHAPE, CLASSES, "classification"), {"train": of_train, "test": of_test}
    return Data(spec, train, test, validation, normalise, augmentation(settings), stored)


def _folder(root: Path) -> Path:
    return root if (root / "out_data_train").is_dir() else root / "imagenet32"


def _read(folder: Path, files: Sequence[str], name: str) -> tuple[Split, str]:
    sources = [folder / file for file in files]
    if missing := [str(path) for path in sources if not path.is_file()]:
        what = f"{len(missing)} of the files of imagenet32 are not there: {missing[0]}{' ...' if missing[1:] else ''}"
        hint = "fetch them from image-net.org (Downsampled ImageNet, 32 x 32), and set data.root or TPZOO_DATA"
        raise DataError(what, hint)
    x, y, digest = mapped(sources, SHAPE, name, lambda: batches(sources))
    return Split(torch.from_numpy(x), torch.from_numpy(y)), digest


def batches(sources: Sequence[Path]) -> Iterator[tuple[Array, Array]]:
    """Images (count, 3, 32, 32) uint8 and classes (count,) 0..999 of each file.

    Raises:
        DataError: a file is not what it should be.
    """
    for path in sources:
        found = read_pickle(path)
        if missing := [key for key in ("data", "labels") if key not in found]:
            raise DataError(f"{path} has no entry '{missing[0]}'", "fetch the official files again")
        yield _images(found["data"], path), _labels(found["labels"], len(found["data"]), path)


def _images(data: object, path: Path) -> Array:
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,) or not len(data):
        what = f"of type {data.dtype} and shape {data.shape}" if isinstance(data, np.ndarray) else f"a {type(data)}"
        raise DataError(f"{path}: 'data' should be uint8 pixels of shape (count, 3072), and is {what}")
    return data.reshape(-1, *SHAPE)  # planes of red, green and blue, row by row


def _labels(labels: object, count: int, path: Path) -> Array:
    try:
        found = np.asarray(labels)
        fits = found.shape == (count,) and np.issubdtype(found.dtype, np.integer)
    except ValueError:
        fits = False
    if not fits or found.min() < 1 or found.max() > CLASSES:
        raise DataError(f"{path}: 'labels' should be {count} whole numbers from 1 to {CLASSES}, one for each image")
    return found.astype(np.int64) - 1


def set_aside(train: Split, count: int, seed: int, how: str = "any") -> tuple[Split, Split | None]:
    """Like :func:`tpzoo.hold_out`, which chooses the same examples, without copying those that stay.

    The held-out examples are copied; the last ones that stay take their places.

    Args:
        how: ``any``, ``stratified`` (as :func:`tpzoo.hold_out`), or ``balanced``: as many of each class.

    Raises:
        SettingError: there are not enough examples, or ``count`` is no multiple of the number of classes.
    """
    if count == 0:
        return train, None
    total = len(train)
    order = shuffled_rows(total, count, seed)
    if how == "stratified":
        order = stratified_last(order, train.y, count)
    held = _of_each_class(train.y, order, count) if how == "balanced" else order[-count:]
    validation = Split(train.x[held], train.y[held], rows_digest(held))
    stays = torch.ones(total, dtype=torch.bool)
    stays[held] = False
    gaps = torch.nonzero(~stays[: total - count]).flatten()
    movers = total - count + torch.nonzero(stays[total - count :]).flatten()
    train.x[gaps], train.y[gaps] = train.x[movers], train.y[movers]
    return Split(train.x[:-count], train.y[:-count], f"all but {validation.rows}"), validation


def _of_each_class(y: torch.Tensor, order: torch.Tensor, count: int) -> torch.Tensor:
    each, rest = divmod(count, CLASSES)
    if rest:
        raise SettingError(f"{count} examples cannot be taken evenly from {CLASSES} classes", "use a multiple of 1000")
    by_class = order[torch.argsort(y[order], stable=True)]
    counts = torch.bincount(y, minlength=CLASSES)
    if int(counts.min()) <= each:
        raise SettingError(f"{each} examples of each class are to be held out, and one class has {int(counts.min())}")
    starts = torch.cumsum(counts, 0) - counts
    return by_class[(starts[:, None] + torch.arange(each)).flatten()]
