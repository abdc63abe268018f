"""Small files in the formats of the real data sets."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

NAMES = {"train": "train", "test": "t10k"}


def write_idx(folder: Path, part: str, pixels: np.ndarray, labels: np.ndarray) -> None:
    """Write one part as MNIST's pair of files: a magic number, the sizes, the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for array, kind in ((pixels, "images-idx3"), (labels, "labels-idx1")):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"{NAMES[part]}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())


def write_small_mnist(root: Path, name: str = "MNIST", side: int = 28) -> Path:
    """A complete toy data set with 20 training and 10 test images; returns its folder."""
    raw = root / name / "raw"
    numbers = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 10)):
        write_idx(raw, part, numbers.integers(0, 256, (count, side, side)), np.arange(count) % 10)
    return raw
