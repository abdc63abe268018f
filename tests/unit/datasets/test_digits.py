"""scikit-learn's digits: counts, range and the fixed test set."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from tpzoo.zoo.datasets.digits import build
from tpzoo.zoo.datasets.plugin import DigitsSettings


def test_all_digits_are_there_once() -> None:
    data = build(DigitsSettings(validation=200))
    assert data.validation is not None
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [1300, 200, 297]
    found = torch.cat([split.x for split in splits]).flatten(1).mul(16)
    original = torch.from_numpy(load_digits().data).float()
    assert torch.equal(found.sum(0), original.sum(0))
    labels = torch.cat([split.y for split in splits])
    assert torch.equal(labels.bincount(), torch.from_numpy(load_digits().target).bincount())


def test_images_and_labels_belong_together() -> None:
    digits, data = load_digits(), build(DigitsSettings())
    known = {tuple(row): int(label) for row, label in zip(digits.data.tolist(), digits.target, strict=True)}
    rows = data.test.x.flatten(1).mul(16).tolist()
    assert [known[tuple(row)] for row in rows] == data.test.y.tolist()


def test_the_input_is_in_the_unit_interval() -> None:
    data = build(DigitsSettings())
    x = data.prepare(data.train.x, torch.float32)
    assert x.shape == (1500, *data.spec.input_shape) == (1500, 1, 8, 8)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


def test_the_test_set_does_not_depend_on_the_split_seed() -> None:
    one, other = (build(DigitsSettings(validation=100, split_seed=seed)) for seed in (1, 2))
    assert torch.equal(one.test.x, other.test.x)
    assert not torch.equal(one.validation.y, other.validation.y)  # type: ignore[union-attr]
    assert int(one.test.y.bincount().min()) >= 20, "every digit is well represented in the test set"
