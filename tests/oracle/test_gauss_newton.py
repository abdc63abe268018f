"""Exact Gauss-Newton targets (oracles 5 and 8 of the facts): d_i = J^T (J J^T + damping I)^-1 d_L of every sample.

If it fails: the reference that target propagation is compared with would not be Gauss-Newton: angles to it, and runs
with rule gauss_newton, would be wrong throughout.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.blocks import make_batch, make_network
from tests.support.parts import (
    SGD,
    assert_alike,
    make_engine,
    make_feedback,
    make_objective,
    relative,
    use_backend,
    weights,
)
from tpzoo import (
    Batch,
    Draw,
    Network,
    Output,
    PerName,
    SettingError,
    Trace,
    angle,
    damped_solve,
    gauss_newton_displacement,
    local_gradients,
    output_change,
    output_jacobians,
)
from tpzoo.engine import SeedBatch
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.rules.gauss_newton import GaussNewton
from tpzoo.zoo.rules.plugin import GaussNewtonSettings

BACKENDS = ["autograd", "functional"]
NETWORKS = ["mlp", "pooled", "residual", "shared"]
DAMPINGS = [0.0, 0.3]


def gnt(damping: float | dict[str, float] = 0.0) -> GaussNewton:
    return GaussNewton(GaussNewtonSettings(damping=PerName(damping)))


def displacements(network: Network, damping: float, count: int = 4) -> tuple[Trace, Batch, dict[str, Tensor]]:
    x, y = make_batch(network, count)
    trace, batch = network.trace(x), make_objective(x, y)
    found = gnt(damping).displacements(trace, make_feedback(network, "tied"), batch, Draw(torch.Generator()))
    return trace, batch, found


def jacobian_of(network: Network, node: str, h: Tensor) -> Tensor:
    """dh_L/dh of one sample ``h``, by torch.autograd: (n_L, n_i)."""
    above = network.nodes[network.position(node) + 1 :]

    def rest(value: Tensor) -> Tensor:
        for each in above:
            value = network.block_of(each)(value)
        return value

    found: Tensor = torch.autograd.functional.jacobian(rest, h.unsqueeze(0))
    return found.reshape(-1, h.numel())


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_batch_equals_a_loop_over_samples(name: str, backend: str, damping: float, device: str) -> None:
    network = make_network(name, device)
    use_backend(backend, network)
    trace, batch, found = displacements(network, damping)
    d_output = batch.output_displacement(trace.output)
    assert found.keys() == {node.name for node in network.nodes}
    for node in found.keys() - {trace.last}:
        for sample in range(len(d_output)):
            jacobian = jacobian_of(network, node, trace[node].out[sample])
            expected = torch.linalg.pinv(jacobian) @ d_output[sample]
            if damping:
                inner = jacobian @ jacobian.T + damping * torch.eye(len(jacobian), dtype=torch.float64, device=device)
                expected = jacobian.T @ torch.linalg.inv(inner) @ d_output[sample]
            assert relative(found[node][sample].flatten(), expected) < 1e-10


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_gets_its_displacement_by_one_plus_damping(name: str, device: str) -> None:
    for damping in (0.0, 3.0):
        trace, batch, found = displacements(make_network(name, device), damping)
        assert relative(found[trace.last], batch.output_displacement(trace.output) / (1 + damping)) < 1e-15


@pytest.mark.parametrize("name", NETWORKS)
def test_much_damping_gives_the_direction_of_backpropagation(name: str, device: str) -> None:
    """d_i -> J^T d_L / damping. Along the singular vectors of J both differ by factors of 1 / (1 + s^2 / damping)."""
    network = make_network(name, device)
    for damping in (1e2, 1e5, 1e8):
        trace, batch, found = displacements(network, damping)
        exact = make_feedback(network, "tied").displacements(trace, -batch.error(trace.output))
        for node, jacobians in output_jacobians(trace).items():
            largest = float(torch.linalg.matrix_norm(jacobians.flatten(2), 2).max())
            assert float(angle(found[node], exact[node])) <= math.degrees(largest**2 / damping) + 1e-12
        expected = {node: 0.3 / damping * d for node, d in list(exact.items()) if node != trace.last}
        if damping == 1e8:
            assert_alike({node: found[node] for node in expected}, expected, 1e-6)
    updates = local_gradients(trace, found)
    for parameter, gradient in network.loss_gradients(batch.x, batch.error)[1].items():
        assert float(angle(updates[parameter], gradient)) < 1e-4


def test_without_damping_the_output_moves_by_what_was_asked(device: str) -> None:
    """On a linear network F(h_i + d_i) = F(h_i) + d_L, and d_i is the least that does so: pinv of the weights above."""
    network = make_network("mlp", device)
    for block in network.blocks.values():
        block.nonlinearity = torch.nn.Identity()
    trace, batch, found = displacements(network, 0.0)
    d_output = batch.output_displacement(trace.output)
    product = torch.eye(3, dtype=torch.float64, device=device)
    for upper, node in pairwise(["head", "fc3", "fc2", "fc1"]):
        product = product @ network.blocks[upper].linear.weight.detach()
        pushed = network.push(trace[node].out + found[node], node, "head").out
        assert relative(pushed - trace.output, d_output) < 1e-10
        assert relative(found[node], d_output @ torch.linalg.pinv(product).T) < 1e-10


def test_a_dead_layer_gets_no_displacement(device: str) -> None:
    """J = 0 has the pseudo-inverse 0; rounding does not count as a singular value, in float32 either."""
    d = torch.randn(2, 3)
    assert not bool(gauss_newton_displacement(torch.zeros(2, 3, 5), d, 0.0).any())
    row = torch.tensor([[1.0, 2.0, 3.0]]) / 3
    jacobian = torch.cat([row, row * (1 + 1e-7), 2 * row])[None].expand(2, 3, 3)  # rank one but for rounding
    found = gauss_newton_displacement(jacobian, d, 0.0)
    expected = torch.linalg.pinv(torch.cat([row, row, 2 * row]).double()) @ d.double().mT
    assert relative(found, expected.mT) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (3, 3)])
def test_every_sample_gets_the_pseudo_inverse_of_its_own_jacobian(
    shape: tuple[int, int], dtype: torch.dtype, device: str
) -> None:
    """Samples from well conditioned to singular in one batch; the expected values are numpy's."""
    generator = torch.Generator().manual_seed(1)
    u, _, v = torch.linalg.svd(torch.randn(6, *shape, generator=generator, dtype=torch.float64), full_matrices=False)
    values = torch.tensor([[1, 0.9, 0.5], [1, 1, 1e-2], [3, 1e-3, 1e-3], [1, 1e-5, 1e-9], [1, 0.5, 0], [0, 0, 0]])
    jacobian = ((u * values[:, None].double()) @ v).to(device, dtype)
    d = torch.randn(6, shape[0], generator=generator, dtype=torch.float64).to(device, dtype)
    found = gauss_newton_displacement(jacobian, d, 0.0).double()
    by_seed = (each.unflatten(0, (2, 3)) for each in (jacobian, d))  # as in a batch of seeds
    mapped = torch.func.vmap(lambda j, each: gauss_newton_displacement(j, each, 0.0))(*by_seed)
    torch.testing.assert_close(mapped.flatten(0, 1).double(), found, rtol=100 * torch.finfo(dtype).eps, atol=1e-30)
    rtol = max(shape) * torch.finfo(dtype).eps
    for i, (j, each) in enumerate(zip(jacobian.double().cpu().numpy(), d.double().cpu().numpy(), strict=True)):
        expected = torch.from_numpy(np.linalg.pinv(j, rcond=rtol) @ each)
        kept = [value for value in np.linalg.svd(j)[1] if value > rtol * values[i, 0]]
        error = 10 * torch.finfo(dtype).eps * float(expected.norm()) * (kept[0] / kept[-1] if kept else 1)
        torch.testing.assert_close(found[i].cpu(), expected, rtol=0, atol=error)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (3, 3)])
def test_both_forms_of_the_damped_system_agree(shape: tuple[int, int], device: str) -> None:
    """Both solve the stacked least squares problem [J; sqrt(damping) I] x = [d; 0]."""
    generator = torch.Generator().manual_seed(0)
    jacobian = torch.randn(4, *shape, generator=generator, dtype=torch.float64)
    d = torch.randn(4, shape[0], generator=generator, dtype=torch.float64)
    found = gauss_newton_displacement(jacobian, d, 0.2)
    below = (0.2**0.5 * torch.eye(shape[1], dtype=torch.float64)).expand(4, -1, -1)
    right = torch.cat([d, torch.zeros(4, shape[1], dtype=torch.float64)], 1)
    expected = torch.linalg.lstsq(torch.cat([jacobian, below], 1), right.unsqueeze(-1)).solution.squeeze(-1)
    assert relative(found, expected) < 1e-12


def test_hardly_any_damping_of_a_singular_matrix_is_finite() -> None:
    gram = torch.ones(1, 4, 4, dtype=torch.float64)
    assert bool(damped_solve(gram, torch.ones(1, 4, 1, dtype=torch.float64), 1e-30).isfinite().all())


def test_damping_may_differ_by_block(device: str) -> None:
    network = make_network("mlp", device)
    x, y = make_batch(network)
    trace, batch, feedback = network.trace(x), make_objective(x, y), make_feedback(network, "tied")
    draw = Draw(torch.Generator())
    mixed = gnt({"*": 0.3, "fc2": 5.0, "head": 1.0}).displacements(trace, feedback, batch, draw)
    for node, damping in {"fc1": 0.3, "fc2": 5.0, "fc3": 0.3, "head": 1.0}.items():
        torch.testing.assert_close(mixed[node], gnt(damping).displacements(trace, feedback, batch, draw)[node])


def test_float32_is_as_good_as_its_jacobians(device: str) -> None:
    for damping in (0.0, 1e-5, 1.0):
        exact = displacements(make_network("mlp", device), damping)[2]
        single = make_network("mlp", device, torch.float32)
        x, y = make_batch(single, 4, torch.float32)
        trace = single.trace(x)
        found = gnt(damping).displacements(
            trace, make_feedback(single, "tied"), make_objective(x, y), Draw(torch.Generator())
        )
        for node, d in found.items():
            assert d.dtype == torch.float32
            assert float(angle(d, exact[node])) < 1e-3


def test_batch_norm_is_refused_where_a_jacobian_passes_through_it(device: str) -> None:
    network = make_network("normed", device)
    x, _ = make_batch(network)
    with pytest.raises(SettingError, match="'conv2' couples the samples"):
        output_jacobians(network.trace(x))
    network.eval()
    assert output_jacobians(network.trace(x))["conv1"].shape == (8, 3, 3, 4, 4)
    network.train()
    network.blocks["conv2"].eval()  # below the first displacement nothing is differentiated
    assert output_jacobians(network.trace(x))["conv1"].shape == (8, 3, 3, 4, 4)


def test_one_sweep_costs_one_product_for_every_node(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tpzoo import Pass

    calls: list[tuple[str, int]] = []
    real = Pass.vjp_batched

    def counted(self: Pass, cotangents: Tensor, at: str = "input") -> Tensor:
        calls.append((self.name, len(cotangents)))
        return real(self, cotangents, at)  # type: ignore[arg-type]

    monkeypatch.setattr(Pass, "vjp_batched", counted)
    network = make_network("mlp", device)
    trace = network.trace(make_batch(network)[0])
    assert output_jacobians(trace)["fc1"] is output_jacobians(trace)["fc1"]
    assert calls == [("head", 3), ("fc3", 3), ("fc2", 3)]


@pytest.mark.parametrize("name", ["mlp", "pooled"])
def test_seeds_under_vmap_equal_separate_runs(name: str, device: str) -> None:
    for damping in DAMPINGS:
        alone = [make_engine(name, device, "tied", "frozen", gnt(damping), seed) for seed in (0, 1)]
        together = [make_engine(name, device, "tied", "frozen", gnt(damping), seed) for seed in (0, 1)]
        pairs = [make_batch(each.network, seed=seed) for seed, each in enumerate(alone)]
        seeds = SeedBatch(together, SGD, SGD)
        for _ in range(2):
            for engine, (x, y) in zip(alone, pairs, strict=True):
                engine.train_batch(x, y)
            seeds.train_batch(*(torch.stack(list(each)) for each in zip(*pairs, strict=True)))
        seeds.write_back()
        for one, other in zip(together, alone, strict=True):
            assert_alike(weights(one), weights(other), 1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["mlp", "pooled", "residual"])
def test_batched_parameter_gradients_are_those_one_by_one(name: str, backend: str, device: str) -> None:
    network = make_network(name, device)
    use_backend(backend, network)
    trace = network.trace(make_batch(network)[0])
    for node in network.nodes:
        made = trace[node.name]
        generator = torch.Generator().manual_seed(0)
        cotangents = torch.randn(3, *made.out.shape, generator=generator, dtype=torch.float64).to(device)
        found = made.parameter_gradients_batched(cotangents)
        for k in range(3):
            assert_alike({n: g[k] for n, g in found.items()}, made.parameter_gradients(cotangents[k]), 1e-12)


@pytest.mark.parametrize("name", ["mlp", "pooled", "normed", "residual", "shared"])
def test_the_change_of_the_output_is_that_of_a_small_step(name: str, device: str) -> None:
    """Against a central difference, whose error is the square of its step; the network itself does not change."""
    network = make_network(name, device)
    x, y = make_batch(network)
    change = network.loss_gradients(x, make_objective(x, y).error)[1]
    before = copy.deepcopy(network.state_dict())
    found = output_change(network, x, change)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    sides = []
    for sign in (1e-5, -1e-5):
        moved = copy.deepcopy(network)
        with torch.no_grad():
            for parameter, p in moved.blocks.named_parameters():
                p.add_(sign * change[parameter])
        sides.append(moved.trace(x, update_buffers=False).output)
    assert relative(found, (sides[0] - sides[1]) / 2e-5) < 1e-7


class _Argmin(Output):
    def displacement(self, out: Tensor, y: Tensor, loss: CrossEntropy) -> Tensor:
        return loss.minimiser(out, y) - out


def test_the_output_strategy_decides_where_to_go(device: str) -> None:
    network = make_network("mlp", device)
    x, y = make_batch(network)
    trace, batch = network.trace(x), Batch(x, y, CrossEntropy(), _Argmin())
    found = gnt().displacements(trace, make_feedback(network, "tied"), batch, Draw(torch.Generator()))
    assert torch.equal(found["head"], CrossEntropy().minimiser(trace.output, y) - trace.output)
    arrived = torch.einsum("bkn,bn->bk", output_jacobians(trace)["fc1"], found["fc1"])
    assert relative(arrived, found["head"]) < 1e-10
