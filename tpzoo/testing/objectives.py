"""Checks of losses and of output targets."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tpzoo.engine import ClassLoss, DataSpec, GradientStep, Loss, MinimisableLoss, Output
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import if_provided
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import REGRESSION, VECTORS, FlatLoss
from tpzoo.testing.watching import alike, fake_mode, global_generators_rest, require_capturable


def outputs_and_labels(stage: Stage, spec: DataSpec, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Six outputs and their labels."""
    generator = torch.Generator().manual_seed(1)
    out = torch.randn(6, spec.output_size, generator=generator, dtype=torch.float64).to(dtype)
    values = torch.randn(6, spec.output_size, generator=generator, dtype=torch.float64).to(dtype)
    classes = torch.arange(6) % spec.output_size
    y = classes if spec.task == "classification" else values
    return out.to(stage.device), y.to(stage.device)


def losses(record: Record, stage: Stage) -> Iterator[tuple[Loss, DataSpec]]:
    """The loss for classes, and for regression where it does not require classes."""
    specs = [VECTORS] if "classification" in record.requires else [VECTORS, REGRESSION]
    for spec in specs:
        yield stage.make(record, spec), spec


def gradient(record: Record, stage: Stage) -> None:
    """``gradient`` is that of every sample's own loss, which is one number a sample."""
    for loss, spec in losses(record, stage):
        out, y = outputs_and_labels(stage, spec)
        leaf = out.clone().requires_grad_()
        values = loss.per_sample(leaf, y)
        require(values.shape == (6,), f"per_sample has the shape {tuple(values.shape)}, not (batch,)")
        (expected,) = torch.autograd.grad(values.sum(), leaf, materialize_grads=True)
        found = loss.gradient(out, y)
        require(found.shape == out.shape, f"the gradient has the shape {tuple(found.shape)}, not {tuple(out.shape)}")
        require(alike(found, expected, 1e-12), "gradient is not the gradient of per_sample")
        require(alike(loss.gradient(out[:1], y[:1]), expected[:1], 1e-12), "samples do not have a loss of their own")


def minimiser(record: Record, stage: Stage) -> None:
    """``minimiser`` is like the output and classifies every sample right; in regression no output has less loss."""
    for loss, spec in losses(record, stage):
        out, y = outputs_and_labels(stage, spec)
        if not isinstance(loss, MinimisableLoss):
            skip("the loss has no minimiser")
        best = loss.minimiser(out, y)
        require(best.shape == out.shape and best.dtype == out.dtype, "the minimiser is not like the output")
        right = not isinstance(loss, ClassLoss) or bool(loss.correct(best, y).all())
        require(right, "the minimiser does not classify every sample right")
        if spec.task == "regression":
            less = (loss.per_sample(out, y) < loss.per_sample(best, y)).any()
            require(not less, "an output has less loss than the minimiser")


def correct(record: Record, stage: Stage) -> None:
    """``correct`` is one bool for every sample; a loss of classes has it, and one of a regression has not."""
    for loss, spec in losses(record, stage):
        out, y = outputs_and_labels(stage, spec)
        fits = isinstance(loss, ClassLoss) == (spec.task == "classification")
        require(fits, f"the loss for a {spec.task} is {'a' if isinstance(loss, ClassLoss) else 'no'} ClassLoss")
        if isinstance(loss, ClassLoss):
            found = loss.correct(out, y)
            fits = found.shape == (6,) and found.dtype == torch.bool
            require(fits, "correct is not one bool for every sample")


def loss_is_capturable(record: Record, stage: Stage) -> None:
    """Neither the loss nor its gradient reads a value of a tensor."""
    for loss, spec in losses(record, stage):
        mode = fake_mode()
        out, y = (mode.from_tensor(value) for value in outputs_and_labels(stage, spec))

        def call(loss: Loss = loss, out: Tensor = out, y: Tensor = y) -> None:
            loss.per_sample(out, y)
            loss.gradient(out, y)
            if isinstance(loss, ClassLoss):
                loss.correct(out, y)

        require_capturable("the loss", mode, call)


def shape(record: Record, stage: Stage) -> None:
    """The displacement is like the output, finite, and drawn from no global generator."""
    for dtype in (torch.float32, torch.float64):
        output, loss = _output(record, stage)
        out, y = outputs_and_labels(stage, VECTORS, dtype)
        with global_generators_rest("the output target"):
            d = output.displacement(out, y, loss)
        like = d.shape == out.shape and d.dtype == dtype
        require(like, f"the displacement is {d.dtype} {tuple(d.shape)}, not {dtype} {tuple(out.shape)}")
        require(d.isfinite().all(), "the displacement is not finite")


def nothing_to_gain(record: Record, stage: Stage) -> None:
    """Where the loss has its minimum, and where nothing changes it, the output need not move."""
    output, loss = _output(record, stage)
    out, y = outputs_and_labels(stage, VECTORS)
    best = loss.minimiser(out, y)
    for where, value, judge in (("at the minimum of mse", best, loss), ("of a flat loss", out, FlatLoss())):
        require((output.displacement(value, y, judge) == 0).all(), f"the displacement {where} is not zero")


def goes_downhill(record: Record, stage: Stage) -> None:
    """The displacement points down the gradient, for every sample."""
    output, loss = _output(record, stage)
    out, y = outputs_and_labels(stage, VECTORS)
    slope = (loss.gradient(out, y) * output.displacement(out, y, loss)).sum(1)
    require((slope < 0).all(), "the displacement does not make the loss smaller")


@if_provided("backprop_units")
def output_has_a_factor(record: Record, stage: Stage) -> None:
    """The output target is a ``GradientStep``, whose factor is above zero."""
    output, _ = _output(record, stage)
    require(isinstance(output, GradientStep), "the record provides backprop_units, and the output is no GradientStep")
    assert isinstance(output, GradientStep)
    require(all(output.factor(rows) > 0 for rows in (1, 6)), "the factor is not above zero")


def output_is_capturable(record: Record, stage: Stage) -> None:
    """The displacement reads no value of a tensor."""
    (output, loss), mode = _output(record, stage), fake_mode()
    out, y = (mode.from_tensor(value) for value in outputs_and_labels(stage, VECTORS))
    require_capturable("the output target", mode, lambda: output.displacement(out, y, loss))


def _output(record: Record, stage: Stage) -> tuple[Output, MinimisableLoss]:
    loss = stage.make(stage.find("loss", "mse"), VECTORS)
    assert isinstance(loss, MinimisableLoss)
    return stage.make(record), loss


LOSSES = (gradient, minimiser, correct, loss_is_capturable)
OUTPUTS = (shape, nothing_to_gain, goes_downhill, output_has_a_factor, output_is_capturable)
