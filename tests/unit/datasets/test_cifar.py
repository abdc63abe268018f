"""CIFAR from torchvision's batches, made small: shapes, labels, and that a foreign pickle is never opened."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from tpzoo.errors import DataError
from tpzoo.zoo.datasets import cifar10, cifar100
from tpzoo.zoo.datasets.plugin import CifarSettings


def write_batch(folder: Path, name: str, content: object) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    data = pickle.dumps(content)
    (folder / name).write_bytes(data)
    return hashlib.md5(data).hexdigest()


def write_small_cifar(folder: Path, reader: type, labels: str, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Two files of 10 images; the checksums that torchvision expects are set to theirs."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3072), dtype=np.uint8)
    batch = {"data": pixels, labels: list(range(10))}
    meta = {"label_names": ["a"], "fine_label_names": ["a"]}
    names = ["train", "test"]
    sums = [write_batch(folder, name, batch) for name in names]
    monkeypatch.setattr(reader, "train_list", [["train", sums[0]]])
    monkeypatch.setattr(reader, "test_list", [["test", sums[1]]])
    monkeypatch.setattr(reader, "meta", {**reader.meta, "filename": "meta", "md5": write_batch(folder, "meta", meta)})
    return pixels


def test_pixels_arrive_by_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = write_small_cifar(tmp_path / "cifar-10-batches-py", datasets.CIFAR10, "labels", monkeypatch)
    data = cifar10.build(CifarSettings(root=str(tmp_path), normalisation="none"))
    assert data.spec.input_shape == (3, 32, 32)
    assert data.spec.output_size == 10
    assert np.array_equal(data.train.x.numpy(), pixels.reshape(10, 3, 32, 32))
    assert data.test.y.tolist() == list(range(10))


def test_cifar100_uses_the_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_cifar(tmp_path / "cifar-100-python", datasets.CIFAR100, "fine_labels", monkeypatch)
    data = cifar100.build(CifarSettings(root=str(tmp_path), flip=True, crop=4))
    assert data.spec.output_size == 100
    assert data.train.y.tolist() == list(range(10))
    assert data.augment is not None


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("standard", (125.3 / 255, 123.0 / 255, 113.9 / 255), (63.0 / 255, 62.1 / 255, 66.7 / 255)),
        ("triple", (0.4914, 0.4822, 0.4465), (0.6069, 0.5982, 0.6030)),
        ("half", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
def test_published_normalisations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    write_small_cifar(tmp_path / "cifar-10-batches-py", datasets.CIFAR10, "labels", monkeypatch)
    data = cifar10.build(CifarSettings(root=str(tmp_path), normalisation=name))
    x = data.prepare(data.train.x, torch.float64)
    for channel in range(3):
        expected = (data.train.x[:, channel].double() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(x[:, channel], expected, rtol=1e-12, atol=1e-12)


class Bomb:
    """A pickle that would leave a mark if it were opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_a_pickle_with_another_checksum_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, mark = tmp_path / "cifar-10-batches-py", tmp_path / "opened"
    write_small_cifar(folder, datasets.CIFAR10, "labels", monkeypatch)
    write_batch(folder, "train", Bomb(mark))
    with pytest.raises(DataError, match="incomplete or damaged"):
        cifar10.build(CifarSettings(root=str(tmp_path)))
    assert not mark.exists()


def test_missing_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no files in"):
        cifar10.build(CifarSettings(root=str(tmp_path)))
