"""The minimal-norm update: Delta W = D h^T / (|h|^2 + rho), Delta b = rho D / (|h|^2 + rho), D = s'(a) d.

If it fails: the minimal-norm update would not bring a layer to its target in one step, or not by the least change:
comparing it with the gradient update would say nothing.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.blocks import Layer, make_batch, make_network
from tests.support.parts import assert_alike, make_engine, relative, use_backend
from tpzoo import Network, PerName, Rule, SettingError
from tpzoo.engine import WeightStepper
from tpzoo.zoo.rules.gauss_newton import GaussNewton
from tpzoo.zoo.rules.plugin import GaussNewtonSettings
from tpzoo.zoo.rules.tp import TP
from tpzoo.zoo.updates.minimal_norm import MinimalNorm
from tpzoo.zoo.updates.plugin import MinimalNormSettings

RATIOS = [0.1, 1.0, 7.0]


def minimal_norm(ratio: float) -> MinimalNorm:
    return MinimalNorm(MinimalNormSettings(norm_ratio=ratio))


def one_linear_block(bias: bool, device: str) -> tuple[Network, Tensor, Tensor]:
    """A block of five inputs and three outputs, one sample, and where its output should go."""
    torch.manual_seed(0)
    network = Network({"only": Layer(5, 3, "linear", bias=bias)}, (5,)).double().to(device)
    return network, *(torch.randn(1, n, dtype=torch.float64).to(device) for n in (5, 3))


@pytest.mark.parametrize("backend", ["autograd", "functional"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_one_sample_reaches_its_target_by_the_least_change(ratio: float, backend: str, device: str) -> None:
    """Least |Delta W|^2 + |Delta b|^2 / rho with Delta W h + Delta b = d: with c = Delta b / sqrt(rho), a least-norm
    problem in [Delta W, c], which lstsq solves."""
    network, x, d = one_linear_block(True, device)
    use_backend(backend, network)
    trace, block = network.trace(x), network.blocks["only"].linear
    found = minimal_norm(ratio).gradients(trace, {"only": d})
    columns = torch.cat([x[0], x.new_tensor([ratio**0.5])])  # [Delta W, c] columns = d
    equations = torch.kron(torch.eye(3, dtype=torch.float64, device=device), columns[None])
    least = torch.linalg.lstsq(equations, d.mT, driver="gelsd").solution.view(3, 6)
    assert relative(-found["only.linear.weight"], least[:, :5]) < 1e-12
    assert relative(-found["only.linear.bias"], ratio**0.5 * least[:, 5]) < 1e-12
    before = trace.output
    with torch.no_grad():
        block.weight.sub_(found["only.linear.weight"])
        block.bias.sub_(found["only.linear.bias"])
    assert relative(network(x) - before, d) < 1e-12


def test_without_a_ratio_no_bias_moves_and_the_target_is_reached(device: str) -> None:
    for bias in (True, False):
        network, x, d = one_linear_block(bias, device)
        found = minimal_norm(0.0).gradients(network.trace(x), {"only": d})
        assert relative(-found["only.linear.weight"], d.mT @ x / x.square().sum()) < 1e-12
        assert not bias or not bool(found["only.linear.bias"].any())


def test_an_input_of_zero_moves_only_the_bias(device: str) -> None:
    network, x, d = one_linear_block(True, device)
    for ratio in (0.0, 2.0):
        found = minimal_norm(ratio).gradients(network.trace(0 * x), {"only": d})
        assert not bool(found["only.linear.weight"].any())
        assert relative(-found["only.linear.bias"] + d[0], (2.0 if ratio else 1.0) * d[0]) < 1e-12


@pytest.mark.parametrize("name", ["mlp", "shared"])
def test_a_batch_is_the_mean_over_samples_as_written(name: str, device: str) -> None:
    """Nodes that share a block add; D = s'(a) d by hand for tanh and for the linear head."""
    network, ratio = make_network(name, device), 0.7
    trace = network.trace(make_batch(network)[0])
    d = {node: torch.randn_like(made.out) for node, made in trace.passes.items()}
    expected: dict[str, Tensor] = {}
    for node, made in trace.passes.items():
        pre = made.pre
        assert pre is not None
        moved = d[node] * (1 if node == "head" else 1 - pre.tanh() ** 2)
        step = moved / (made.input.square().sum(1, keepdim=True) + ratio)
        for parameter, value in {"weight": step.mT @ made.input, "bias": ratio * step.sum(0)}.items():
            key = f"{made.block}.linear.{parameter}"
            expected[key] = expected.get(key, 0) - value / len(moved)
    assert_alike(minimal_norm(ratio).gradients(trace, d), expected, 1e-12)


@pytest.mark.parametrize(
    "rule",
    [
        TP(),
        GaussNewton(GaussNewtonSettings(damping=PerName(0.1))),
    ],
)
def test_every_rule_with_displacements_has_it(rule: Rule, device: str) -> None:
    """A whole step at rate 1 on one sample: the last block's output arrives where the rule wanted it."""
    engine = make_engine("mlp", device, "layerwise/dense", "frozen", rule, update=minimal_norm(1.0))
    blocks = engine.network.blocks
    engine.forward_weights = WeightStepper(dict(blocks.items()), torch.optim.SGD(blocks.parameters(), lr=1.0))
    x, y = make_batch(engine.network, 1)
    trace = engine.network.trace(x)
    wanted = engine.batch(x, y).output_displacement(trace.output) / (1.1 if isinstance(rule, GaussNewton) else 1)
    engine.train_batch(x, y)
    moved = engine.network.run_at("head", trace["head"].input).out - trace.output
    assert relative(moved, wanted) < 1e-12


@pytest.mark.parametrize(("name", "node"), [("pooled", "conv1"), ("residual", "unit1"), ("normed", "conv1")])
def test_blocks_that_are_not_dense_are_refused(name: str, node: str, device: str) -> None:
    network = make_network(name, device)
    trace = network.trace(make_batch(network)[0])
    with pytest.raises(SettingError, match=f"'{node}' is not one"):
        minimal_norm(1.0).gradients(trace, {node: torch.zeros_like(trace[node].out)})
    assert minimal_norm(1.0).gradients(trace, {"head": torch.ones_like(trace.output)})
