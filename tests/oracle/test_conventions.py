"""The conventions in which Meulemans et al. 2020 state their gradients (facts, sections 1, 5 and 6).

eta multiplies the gradient of the mean loss, local losses are sums (dense) or means (conv) of squared displacements
without a half: gradients are then 2 eta / B, or 2 eta / (B C H W), of those in tpzoo's own convention.

If it fails: step sizes and learning rates of the papers would mean something else here, by factors of 2, of the batch
size or of the number of pixels: published settings would train another experiment.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.blocks import make_batch, make_network
from tests.support.parts import make_feedback, relative
from tpzoo import Batch, DisplacementRule, Draw, PerName, Trace
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.outputs.gradient import Gradient
from tpzoo.zoo.outputs.plugin import GradientSettings
from tpzoo.zoo.rules.dtp import DTP
from tpzoo.zoo.rules.tp import TP
from tpzoo.zoo.updates import gradient, plugin as updates

ETA = 0.06


def update(reduction: str | dict[str, str]) -> gradient.Gradient:
    return gradient.Gradient(updates.GradientSettings(PerName(reduction)))


def displacements(rule: DisplacementRule, trace: Trace, y: torch.Tensor) -> dict[str, torch.Tensor]:
    batch = Batch(trace.input, y, CrossEntropy(), Gradient(GradientSettings(ETA, "mean")))
    feedback = make_feedback(trace.network, "direct/linear")
    return rule.displacements(trace, feedback, batch, Draw(torch.Generator()))


@pytest.mark.parametrize("rule", [DTP, TP])
def test_the_last_layer_gets_two_eta_by_batch_of_backpropagation(rule: type[DTP], device: str) -> None:
    network = make_network("mlp", device)
    x, y = make_batch(network)
    made, trace = update("sum"), network.trace(x)
    found = made.gradients(trace, displacements(rule(), trace, y))
    F.cross_entropy(network(x), y).backward()
    for name, p in network.blocks["head"].named_parameters():
        assert p.grad is not None
        assert relative(found[f"head.{name}"], 2 * ETA / len(x) * p.grad) < 1e-12


@pytest.mark.parametrize("reduction", ["half_sum", "sum", "mean"])
def test_local_updates_are_gradients_of_the_local_loss_as_written(reduction: str, device: str) -> None:
    """Against autograd of the loss itself, on blocks with convolution and pooling."""
    network = make_network("pooled", device)
    x, y = make_batch(network)
    trace = network.trace(x)
    made = update({"*": "half_sum", "conv*": reduction})
    found = made.gradients(trace, d := displacements(DTP(), trace, y))
    node = trace.network.nodes[0]
    block = network.block_of(node)
    target = trace[node.name].out + d[node.name]
    squared = (block(x) - target) ** 2
    loss = {"half_sum": squared.sum() / 2 / len(x), "sum": squared.sum() / len(x), "mean": squared.mean()}[reduction]
    names = [name for name, _ in block.named_parameters()]
    expected = torch.autograd.grad(loss, list(block.parameters()))
    assert "conv" in node.block
    for name, reference in zip(names, expected, strict=True):
        assert relative(found[f"{node.block}.{name}"], reference) < 1e-10


def test_a_short_batch_divides_by_its_own_rows() -> None:
    out, y = torch.randn(3, 4), torch.tensor([0, 1, 2])
    mean, each = (Gradient(GradientSettings(0.5, reduction)) for reduction in ("mean", "sum"))
    torch.testing.assert_close(mean.displacement(out, y, CrossEntropy()) * 3, each.displacement(out, y, CrossEntropy()))
