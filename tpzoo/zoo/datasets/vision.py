"""What the data sets of torchvision share: reading, checking, splitting and preparing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tpzoo import Augment, Data, DataSpec, Normalise, Split, data_folder, file_digest, hold_out, stored_digest
from tpzoo.errors import DataError
from tpzoo.zoo.datasets.plugin import ImageSettings

Statistics = tuple[Sequence[float], Sequence[float]]
HALF: Statistics = ((0.5,), (0.5,))
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""The files of MNIST, and of those that have its form."""

REFETCH = "delete the files and fetch them again, for instance with data.download=true"


def build_images(
    settings: ImageSettings,
    reader: Any,
    *,
    files: str,
    names: Sequence[str],
    classes: int,
    shape: tuple[int, int, int],
    statistics: Mapping[str, Statistics],
) -> Data:
    """Read a torchvision data set into tensors.

    Args:
        reader: a class of ``torchvision.datasets`` with ``data`` and ``targets``.
        files: where the files lie below the data folder.
        names: the files that are read, in that folder.
        shape: ``(channels, height, width)`` of one image.
        statistics: normalisation by name: mean and standard deviation by channel. ``none`` needs no entry.

    Raises:
        DataError: files are missing or not what they claim to be.
    """
    folder = data_folder(settings.root)
    _refuse_legacy(folder / files)
    train, test = (_read(reader, folder, files, part, settings.download) for part in (True, False))
    for split in (train, test):
        check_images(split, shape, classes, str(folder / files))
    train, validation = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    spec = DataSpec(shape, classes, "classification")
    chosen = statistics.get(settings.normalisation)
    normalise = Normalise(*chosen) if chosen else None
    stored = {"files": stored_digest(folder / files / name for name in names)}
    return Data(spec, train, test, validation, normalise, augmentation(settings), stored)


def _refuse_legacy(folder: Path) -> None:
    """torchvision would read these in place of the files themselves, which are what is checked and recorded."""
    legacy = folder.parent / "processed"
    if all((legacy / name).is_file() for name in ("training.pt", "test.pt")):
        what = f"{legacy} holds files that an early torchvision made, and torchvision would read them instead"
        raise DataError(what, f"move {legacy} away: the data are those in {folder}")


def check_published(folder: Path, published: Mapping[str, tuple[int, str]]) -> None:
    """Raise :class:`DataError` if a file as long as the published one holds other bytes.

    Args:
        published: length in bytes and SHA-256 by the file's name. A file of another length is no copy of it, and its
            reader decides what it is.
    """
    for name, (length, digest) in published.items():
        path = folder / name
        if path.is_file() and path.stat().st_size == length and file_digest(path) != digest:
            raise DataError(f"{path} is damaged: it does not hold the bytes that were published", REFETCH)


def augmentation(settings: ImageSettings) -> Augment | None:
    """The augmentation that the settings ask for, or None."""
    return Augment(settings.flip, settings.crop) if settings.flip or settings.crop else None


def check_images(split: Split, shape: tuple[int, ...], classes: int, what: str) -> None:
    """Raise :class:`DataError` unless ``split`` holds images of ``shape`` with labels below ``classes``."""
    if tuple(split.x.shape[1:]) != shape or not len(split):
        raise DataError(f"{what}: expected images of shape {shape}, found {tuple(split.x.shape)}", REFETCH)
    if int(split.y.min()) < 0 or int(split.y.max()) >= classes:
        found = f"{int(split.y.min())} to {int(split.y.max())}"
        raise DataError(f"{what}: labels should run from 0 to {classes - 1} and run from {found}", REFETCH)


def _read(reader: Any, folder: Path, files: str, train: bool, download: bool) -> Split:
    try:
        found = reader(folder, train=train, download=download)
        return Split(_images(found.data), torch.as_tensor(found.targets, dtype=torch.int64))
    except Exception as error:  # a damaged file can make torchvision's parser raise nearly anything
        raise _explained(error, folder, folder / files, download) from error


def _explained(error: Exception, folder: Path, files: Path, download: bool) -> DataError:
    if download:
        return DataError(f"the files could not be fetched into {files}: {error}", "check the connection and the folder")
    if not files.exists():
        hint = f"put them there, or set data.root (now {folder}) or the variable TPZOO_DATA, or data.download=true"
        return DataError(f"there are no files in {files}", hint)
    reason = str(error).partition(" You can use download")[0] or type(error).__name__
    return DataError(f"the files in {files} are incomplete or damaged: {reason}", REFETCH)


def _images(data: Any) -> Tensor:
    """torchvision's ``(count, height, width[, channels])`` as ``(count, channels, height, width)``."""
    x = torch.as_tensor(data)
    return x.unsqueeze(1) if x.dim() == 3 else x.permute(0, 3, 1, 2).contiguous()
