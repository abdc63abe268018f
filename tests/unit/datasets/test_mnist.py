"""MNIST and Fashion-MNIST: the files as they are, and what is said when they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.support.idx import write_small_mnist
from tpzoo.errors import DataError
from tpzoo.zoo.datasets import fashion_mnist, mnist
from tpzoo.zoo.datasets.plugin import FashionMnistSettings, MnistSettings

real = pytest.mark.skipif("TPZOO_DATA" not in os.environ, reason="TPZOO_DATA does not name a folder with MNIST")


@pytest.mark.data
@real
def test_the_real_mnist_has_the_known_statistics() -> None:
    data = mnist.build(MnistSettings(validation=5000))
    assert data.validation is not None
    assert [len(split) for split in (data.train, data.validation, data.test)] == [55000, 5000, 10000]
    x = torch.cat([data.prepare(split.x, torch.float32) for split in (data.train, data.validation)])
    assert x.shape[1:] == data.spec.input_shape == (1, 28, 28)
    # 0.1307 and 0.3081 are the mean and deviation of the training pixels, rounded to four digits
    assert abs(float(x.mean())) < 5e-4
    assert abs(float(x.std()) - 1) < 5e-4
    assert torch.equal(data.test.y[:10], torch.tensor([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]))  # as everybody knows it
    assert data.test.y.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize(("name", "mean", "std"), [("standard", 0.1307, 0.3081), ("half", 0.5, 0.5), ("none", 0, 1)])
def test_normalisations(tmp_path: Path, name: str, mean: float, std: float) -> None:
    write_small_mnist(tmp_path)
    data = mnist.build(MnistSettings(root=str(tmp_path), normalisation=name))
    expected = (data.train.x.double() / 255 - mean) / std
    torch.testing.assert_close(data.prepare(data.train.x, torch.float64), expected, rtol=1e-14, atol=1e-14)


def test_pixels_stay_bytes_until_they_are_prepared(tmp_path: Path) -> None:
    write_small_mnist(tmp_path)
    data = mnist.build(MnistSettings(root=str(tmp_path)))
    assert data.train.x.dtype == torch.uint8
    assert data.train.y.dtype == torch.int64
    assert data.augment is None


def test_fashion_mnist_has_a_folder_of_its_own(tmp_path: Path) -> None:
    write_small_mnist(tmp_path, "FashionMNIST")
    data = fashion_mnist.build(FashionMnistSettings(root=str(tmp_path), flip=True, crop=2))
    assert len(data.train) == 20
    assert data.augment is not None
    assert data.normalise is None


def test_missing_files_name_the_folder_and_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        mnist.build(MnistSettings(root=str(tmp_path)))
    assert str(tmp_path / "MNIST" / "raw") in caught.value.what
    for way in ("data.root", "TPZOO_DATA", "data.download=true"):
        assert way in caught.value.hint


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "absent"])
def test_damaged_files_are_refused(tmp_path: Path, name: str, damage: str) -> None:
    file = write_small_mnist(tmp_path) / name
    whole = file.read_bytes()
    damaged = {"truncated": whole[:-5], "empty": b"", "text": b"404 not found" * 50}
    file.unlink() if damage == "absent" else file.write_bytes(damaged[damage])
    with pytest.raises(DataError, match="incomplete or damaged") as caught:
        mnist.build(MnistSettings(root=str(tmp_path)))
    assert "fetch them again" in caught.value.hint


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    write_small_mnist(tmp_path, side=27)
    with pytest.raises(DataError, match=r"expected images of shape \(1, 28, 28\)"):
        mnist.build(MnistSettings(root=str(tmp_path)))


def test_labels_out_of_range_are_refused(tmp_path: Path) -> None:
    file = write_small_mnist(tmp_path) / "train-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + bytes([10]))
    with pytest.raises(DataError, match="labels should run from 0 to 9"):
        mnist.build(MnistSettings(root=str(tmp_path)))
