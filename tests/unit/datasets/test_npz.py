"""Arrays from a file: what is understood, and what is refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tpzoo.engine.data import Data
from tpzoo.errors import DataError, SettingError
from tpzoo.zoo.datasets.npz import build
from tpzoo.zoo.datasets.plugin import NpzSettings

numbers = np.random.default_rng(0)


def arrays(**changed: Any) -> dict[str, Any]:
    found = {
        "x_train": numbers.normal(size=(20, 4)).astype(np.float32),
        "y_train": np.arange(20) % 3,
        "x_test": numbers.normal(size=(6, 4)).astype(np.float32),
        "y_test": np.arange(6) % 3,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def load(folder: Path, content: dict[str, Any], **settings: Any) -> Data:
    np.savez(folder / "data.npz", **content)
    return build(NpzSettings(root=str(folder), path="data.npz", **settings))


def test_vectors_with_classes(tmp_path: Path) -> None:
    content = arrays()
    data = load(tmp_path, content, validation=5)
    assert data.spec.input_shape == (4,)
    assert data.spec.output_size == 3
    assert data.spec.task == "classification"
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (15, 5)
    assert np.array_equal(data.test.x.numpy(), content["x_test"])


@pytest.mark.parametrize("width", [None, 2])
def test_floating_point_labels_make_a_regression(tmp_path: Path, width: int | None) -> None:
    shape = () if width is None else (width,)
    data = load(tmp_path, arrays(y_train=np.zeros((20, *shape)), y_test=np.zeros((6, *shape))))
    assert data.spec.task == "regression"
    assert data.train.y.shape == (20, width or 1) == (20, data.spec.output_size)


def test_images_with_channels_last(tmp_path: Path) -> None:
    pixels = numbers.integers(0, 256, (20, 5, 6, 3), dtype=np.uint8)
    data = load(tmp_path, arrays(x_train=pixels, x_test=pixels[:6]), channels="last", crop=1)
    assert data.spec.input_shape == (3, 5, 6)
    assert np.array_equal(data.train.x.numpy(), pixels.transpose(0, 3, 1, 2))
    assert data.augment is not None


def test_grey_images_get_a_channel(tmp_path: Path) -> None:
    pixels = numbers.integers(0, 256, (20, 5, 6), dtype=np.uint8)
    assert load(tmp_path, arrays(x_train=pixels, x_test=pixels[:6])).spec.input_shape == (1, 5, 6)


def test_standard_normalisation_gives_mean_0_and_deviation_1(tmp_path: Path) -> None:
    x = numbers.normal(3.0, 5.0, size=(20, 4))
    x[:, 2] = 7.0  # a constant feature must neither blow up nor spread
    data = load(tmp_path, arrays(x_train=x, x_test=x[:6]), normalisation="standard")
    prepared = data.prepare(data.train.x, torch.float64)
    torch.testing.assert_close(prepared.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    expected = torch.tensor([1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(prepared.std(0, correction=0), expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_test": None}, "has no array x_test"),
        ({"x_train": np.zeros((19, 4), np.float32)}, "x_train has 19 rows, y_train 20"),
        ({"x_train": np.zeros(20, np.float32)}, r"x_train has shape \(20,\)"),
        ({"x_train": np.zeros((20, 4), np.int64)}, "x_train is of type int64"),
        ({"x_train": np.full((20, 4), np.nan)}, "not finite"),
        ({"x_test": np.zeros((6, 5), np.float32)}, "test examples"),
        ({"x_test": np.zeros((6, 4), np.uint8)}, "test examples"),
        ({"x_test": np.zeros((0, 4), np.float32), "y_test": np.zeros(0, int)}, r"x_test has shape \(0, 4\)"),
        ({"y_train": -np.ones(20, int)}, "not classes"),
        ({"y_train": np.zeros((20, 3), int)}, "not classes"),
        ({"y_train": np.zeros(20)}, "different types"),
        ({"y_train": np.array(["a"] * 20)}, "of type <U1"),
        ({"x_train": np.array([{}] * 20, dtype=object)}, "not a readable .npz file of plain arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, arrays(**changed))


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04 but then nothing"])
def test_files_that_are_no_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(DataError, match="is not a readable"):
        build(NpzSettings(root=str(tmp_path), path="data.npz"))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "whole.npz", **arrays())
    whole = (tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "data.npz").write_bytes(whole[:length])
        with pytest.raises(DataError):
            build(NpzSettings(root=str(tmp_path), path="data.npz"))


def test_a_single_array_and_a_foreign_archive_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "data.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError):
        build(NpzSettings(root=str(tmp_path), path="data.npz"))
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x_train", "text")
    with pytest.raises(DataError):
        build(NpzSettings(root=str(tmp_path), path="data.npz"))


def test_a_missing_file_and_a_missing_path_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        build(NpzSettings(root=str(tmp_path), path="data.npz"))
    with pytest.raises(SettingError, match="needs the path"):
        build(NpzSettings())


def test_vectors_cannot_be_flipped(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="neither flipped nor cropped"):
        load(tmp_path, arrays(), flip=True)


@pytest.mark.data
@pytest.mark.skipif(
    not (Path(os.environ.get("TPZOO_DATA", "")) / "cifar10.npz").is_file(),
    reason="TPZOO_DATA does not name a folder with cifar10.npz",
)
def test_the_real_cifar10_as_arrays() -> None:
    data = build(NpzSettings(path="cifar10.npz", channels="last"))
    assert data.spec.input_shape == (3, 32, 32)
    assert data.spec.output_size == 10
    assert data.train.y.bincount().tolist() == [5000] * 10
    # Ernoult et al. (2022) normalise with these; the file went through JPEG, hence the tolerance
    mean = data.train.x.double().mean((0, 2, 3))
    torch.testing.assert_close(mean, torch.tensor([125.3, 123.0, 113.9], dtype=torch.float64), atol=0.5, rtol=0)
