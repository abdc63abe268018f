"""Class weights and stratified splits against what torch and counting say."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.runs import catalogue
from tpzoo import DataSpec, SettingError, Split, hold_out
from tpzoo.config import load
from tpzoo.runner.build import build
from tpzoo.zoo.losses import auto, cross_entropy, mse
from tpzoo.zoo.losses.plugin import ClassLossSettings

SPEC = DataSpec((4,), 3, "classification", (10, 30, 60))
OUT = torch.linspace(-2, 2, 12, dtype=torch.float64).view(4, 3).sin()
Y = torch.tensor([0, 2, 1, 0])
WEIGHTS = (0.5, 2.0, 1.0)


@pytest.mark.parametrize("make", [cross_entropy.build, auto.build])
def test_weighted_cross_entropy_is_torchs(make: object) -> None:
    loss = make(ClassLossSettings(WEIGHTS), SPEC)  # type: ignore[operator]
    expected = F.cross_entropy(OUT, Y, weight=torch.tensor(WEIGHTS, dtype=torch.float64), reduction="none")
    torch.testing.assert_close(loss.per_sample(OUT, Y), expected)
    leaf = OUT.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss.per_sample(leaf, Y).sum(), leaf)
    torch.testing.assert_close(loss.gradient(OUT, Y), gradient)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    loss = mse.build(ClassLossSettings("balanced"), SPEC)
    assert loss.weights.tolist() == pytest.approx([100 / 30, 100 / 90, 100 / 180])
    plain = mse.build(ClassLossSettings(), SPEC)
    torch.testing.assert_close(loss.per_sample(OUT, Y), loss.weights[Y] * plain.per_sample(OUT, Y))


@pytest.mark.parametrize(
    ("weights", "spec", "said"),
    [
        ((1.0, 2.0), SPEC, "2 numbers for 3 classes"),
        ("balanced", DataSpec((4,), 3, "classification", (1, 0, 2)), "no training example has class 1"),
        ("balanced", DataSpec((4,), 3, "regression"), "needs classes"),
    ],
)
def test_weights_that_fit_no_data_are_refused(weights: object, spec: DataSpec, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        auto.build(ClassLossSettings(weights), spec)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", ["even", (0.0, 1.0), (-1.0,)])
def test_weights_that_mean_nothing_are_refused(weights: object) -> None:
    with pytest.raises(SettingError):
        ClassLossSettings(weights)  # type: ignore[arg-type]


def test_a_run_counts_for_itself() -> None:
    loaded = load({"loss": {"name": "cross_entropy", "class_weights": "balanced"}}, [])
    built = build(loaded.experiment, loaded.catalogue)
    counts = torch.bincount(built.data.train.y).double()
    torch.testing.assert_close(built.engine.loss.weights.double(), counts.sum() / (10 * counts), rtol=1e-6, atol=0)
    assert catalogue().find("loss", "auto").record.config is ClassLossSettings


@pytest.mark.parametrize("count", [1, 7, 20, 33])
def test_a_stratified_split_keeps_the_shares(count: int) -> None:
    y = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    split = Split(y.double().unsqueeze(1), y)
    kept, held = hold_out(split, count, 3, stratified=True)
    assert held is not None
    found = torch.bincount(held.y, minlength=3)
    assert int(found.sum()) == count == len(split) - len(kept)
    assert bool(((found - torch.tensor([0.7, 0.2, 0.1]) * count).abs() < 1).all())
    assert sorted([*kept.y.tolist(), *held.y.tolist()]) == y.tolist()
    assert bool((kept.x[:, 0] == kept.y).all())
    again, other = (hold_out(split, count, seed, stratified=True)[1] for seed in (3, 4))
    assert again is not None
    assert again.rows == held.rows
    assert other is not None
    assert other.rows != held.rows


def test_only_classes_can_be_stratified() -> None:
    with pytest.raises(SettingError, match="stratified"):
        hold_out(Split(torch.zeros(4, 1), torch.zeros(4, 1)), 2, 0, stratified=True)
