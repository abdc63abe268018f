"""Losses against torch's, their gradients against autograd, and what the output targets make of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo.engine.objective import ClassLoss, Loss
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.losses.mse import ClassSquaredError, MeanSquaredError
from tpzoo.zoo.outputs.argmin import Argmin
from tpzoo.zoo.outputs.gradient import Gradient
from tpzoo.zoo.outputs.plugin import GradientSettings

OUT = torch.linspace(-2, 2, 20, dtype=torch.float64).view(5, 4).sin()
CLASSES = torch.tensor([0, 3, 1, 2, 3])
VALUES = torch.linspace(0, 1, 20, dtype=torch.float64).view(5, 4)
ONE_HOT = F.one_hot(CLASSES, 4).double()
CASES = {
    "cross entropy": (CrossEntropy(), CLASSES, F.cross_entropy(OUT, CLASSES, reduction="none")),
    "mse of classes": (ClassSquaredError(), CLASSES, ((OUT - ONE_HOT) ** 2).mean(1)),
    "mse of values": (MeanSquaredError(), VALUES, ((OUT - VALUES) ** 2).mean(1)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_loss_and_its_gradient(case: str) -> None:
    loss, y, expected = CASES[case]
    torch.testing.assert_close(loss.per_sample(OUT, y), expected, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(loss.gradient(OUT, y), _gradient(loss, y), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_the_output_steps_down_each_samples_own_gradient(case: str) -> None:
    loss, y, _ = CASES[case]
    found = Gradient(GradientSettings(step_size=0.3)).displacement(OUT, y, loss)
    torch.testing.assert_close(found, -0.3 * _gradient(loss, y), rtol=1e-12, atol=1e-14)
    alone = Gradient(GradientSettings(step_size=0.3)).displacement(OUT[2:3], y[2:3], loss)
    torch.testing.assert_close(found[2:3], alone, rtol=1e-14, atol=0)  # the others in the batch have no say


def test_argmin_goes_all_the_way_to_the_label() -> None:
    for loss, y, aim in ((CrossEntropy(), CLASSES, ONE_HOT), (MeanSquaredError(), VALUES, VALUES)):
        torch.testing.assert_close(OUT + Argmin().displacement(OUT, y, loss), aim, rtol=0, atol=1e-15)


def test_what_counts_as_correct() -> None:
    for loss in (CrossEntropy(), ClassSquaredError()):
        assert loss.correct(ONE_HOT, CLASSES).all()
        assert not loss.correct(-ONE_HOT, CLASSES).any()
    assert not isinstance(MeanSquaredError(), ClassLoss)


def _gradient(loss: Loss, y: Tensor) -> Tensor:
    out = OUT.clone().requires_grad_()
    return torch.autograd.grad(loss.per_sample(out, y).sum(), out)[0]
