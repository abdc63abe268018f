"""One check where data enter: what no network could learn from is refused, and what is odd is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.command import assert_message, inside
from tests.support.runs import run, toy, write_toy_data
from tpzoo import Data, DataSpec, Split, check_data
from tpzoo.errors import DataError
from tpzoo.zoo.losses.cross_entropy import CrossEntropy

CLASSES, VALUES = DataSpec((2,), 3, "classification"), DataSpec((2,), 3, "regression")
X = torch.zeros(4, 2)
GOOD = torch.tensor([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (torch.tensor([0, 1, 2, 3]), "labels run from 0 to 3"),
        (torch.tensor([0, 1, 2, -100]), "labels run from -100 to 2"),
        (torch.tensor([0, 1, 2, 2**40]), f"labels run from 0 to {2**40}"),
        (GOOD > 0, "torch.bool"),
        (GOOD.float(), "torch.float32"),
        (GOOD.int(), "torch.int32"),
        (GOOD.unsqueeze(1), r"shape \(4, 1\)"),
        (torch.full((4, 3), 0.5), r"shape \(4, 3\)"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test", "validation"])
def test_labels_that_are_no_classes_are_refused(y: torch.Tensor, said: str, split: str) -> None:
    splits = dict.fromkeys(("train", "test", "validation"), Split(X, GOOD))
    with pytest.raises(DataError, match=said) as caught:
        check_data(Data(CLASSES, **{**splits, split: Split(X, y)}))
    assert ("training" if split == "train" else split) in caught.value.what


@pytest.mark.parametrize(
    ("spec", "train", "said"),
    [
        (CLASSES, Split(X[:0], GOOD[:0]), "no training example"),
        (CLASSES, Split(torch.zeros(4, 3), GOOD), r"have the shape \(3,\)"),
        (CLASSES, Split(torch.full((4, 2), torch.nan), GOOD), "not finite"),
        (CLASSES, Split(X.long(), GOOD), "are torch.int64"),
        (VALUES, Split(X, torch.zeros(4, 2)), r"shape \(4, 2\)"),
        (VALUES, Split(X, torch.full((4, 3), torch.inf)), "not finite"),
        (VALUES, Split(X, torch.zeros(4, 3, dtype=torch.int64)), "torch.int64"),
    ],
)
def test_examples_and_values_that_are_not_as_stated_are_refused(spec: DataSpec, train: Split, said: str) -> None:
    good = Split(X, GOOD if spec is CLASSES else torch.rand(4, 3))
    assert not check_data(Data(spec, good, good))
    with pytest.raises(DataError, match=said):
        check_data(Data(spec, train, good))


@pytest.mark.parametrize(
    ("spec", "y", "said"),
    [
        (VALUES, torch.tensor([[0.0, 1, 2]] * 4), "save integers for classes"),
        (CLASSES, torch.ones(4, dtype=torch.int64), "all training labels are of the class 1"),
        (CLASSES, torch.tensor([[0.2, 0.3, 0.5]] * 4), "shares of classes"),
    ],
)
def test_what_is_odd_is_said_in_one_line(spec: DataSpec, y: torch.Tensor, said: str) -> None:
    found = check_data(Data(spec, Split(X, y), Split(X, y)))
    assert len(found) == 1
    assert said in found[0]


def test_soft_labels_are_learnt_as_what_they_are() -> None:
    out = torch.randn(4, 3, dtype=torch.float64)
    hard, loss = torch.nn.functional.one_hot(GOOD, 3).float(), CrossEntropy()
    torch.testing.assert_close(loss.per_sample(out, hard), loss.per_sample(out, GOOD))
    torch.testing.assert_close(loss.gradient(out, hard), loss.gradient(out, GOOD))
    assert loss.correct(out, hard).equal(loss.correct(out, GOOD))
    soft = torch.tensor([[0.2, 0.3, 0.5]] * 4)
    expected = torch.func.grad(lambda value: loss.per_sample(value, soft).sum())(out)
    torch.testing.assert_close(loss.gradient(out, soft), expected)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.array([True, False, True] * 20), "type bool"),
        (np.array([0, 1, 2**64 - 1] * 20, dtype=np.uint64), "not classes"),
        (np.array([0, 1, 2**40] * 20), "not classes"),
        (np.array([0, 1, -100] * 20), "not classes"),
    ],
)
def test_a_file_with_such_labels_is_refused(tmp_path: Path, y: Any, said: str) -> None:
    path = write_toy_data(tmp_path)
    np.savez(path, **{**np.load(path), "y_train": y})
    done = inside("train", "data=npz", f"data.path={path}", "--run-dir", tmp_path / "run")
    assert_message(done, said, "y_train")


def test_one_hot_arrays_train_as_the_classes_do(tmp_path: Path) -> None:
    path = write_toy_data(tmp_path)
    arrays = dict(np.load(path))
    hard = run(toy(path, "rule=bp"), tmp_path / "hard")
    for part in ("train", "test"):
        arrays[f"y_{part}"] = np.eye(3, dtype=np.float32)[arrays[f"y_{part}"]]
    np.savez(path, **arrays)
    soft = run(toy(path, "rule=bp"), tmp_path / "soft")
    assert soft.test_accuracy == hard.test_accuracy


def test_a_damaged_file_of_mnist_is_found(tmp_path: Path) -> None:
    from tpzoo.zoo.datasets.mnist import PUBLISHED

    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, (length, _) in PUBLISHED.items():
        (folder / name).write_bytes(b"\0" * min(length, 10_008))
    done = inside("train", "data=mnist", f"data.root={tmp_path}", "--run-dir", tmp_path / "run")
    assert_message(done, "t10k-labels-idx1-ubyte is damaged", "published")
