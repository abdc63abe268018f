"""Probes of Gauss-Newton theory against Jacobians that are formed in full, by torch.func, in float64.

If it fails: angles to Gauss-Newton and parts in the null space, the evidence for what an update does, would be wrong
in every figure and table that shows them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, jacrev

from tests.support.blocks import Layer, make_batch, make_network
from tests.support.parts import make_feedback, of_backprop, snapshot_of
from tpzoo import Network, PerName, SettingError, Snapshot, angle, output_jacobians
from tpzoo.zoo.probes.activation_angle import ActivationAngle, mean_angle
from tpzoo.zoo.probes.gn_angle import GaussNewtonAngle
from tpzoo.zoo.probes.gnt_angle import GntAngle
from tpzoo.zoo.probes.gnt_damping_search import GntDampingSearch
from tpzoo.zoo.probes.null_space_ratio import NullSpaceRatio
from tpzoo.zoo.probes.parameter_jacobian import DenseJacobian, FormedJacobian, parameter_jacobian
from tpzoo.zoo.probes.plugin import (
    ActivationAngleSettings,
    DampingSearchSettings,
    GaussNewtonAngleSettings,
    GntAngleSettings,
    NullSpaceSettings,
)
from tpzoo.zoo.rules.gauss_newton import GaussNewton
from tpzoo.zoo.rules.plugin import GaussNewtonSettings

NETWORKS = ["mlp", "pooled", "residual", "shared"]


def full_jacobian(snapshot: Snapshot, names: Sequence[str]) -> Tensor:
    """dvec(h_L)/d[names] of the whole batch, (batch n_L, parameters)."""
    network = snapshot.network
    parameters = {f"blocks.{name}": network.blocks.get_parameter(name).detach() for name in names}
    found = jacrev(lambda values: functional_call(network, values, (snapshot.batch.x,)).flatten())(parameters)
    return torch.cat([found[f"blocks.{name}"].flatten(1).detach() for name in names], 1)


def names_of(snapshot: Snapshot, block: str, biases: bool) -> list[str]:
    chosen = [name for name in snapshot.gradients if name.split(".")[0] == block]
    return [name for name in chosen if biases or not name.endswith("bias")]


def update(snapshot: Snapshot, names: Sequence[str]) -> Tensor:
    return torch.cat([snapshot.gradients[name].flatten() for name in names])


# The Jacobian of the parameters of a block


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_parameter_jacobian_without_being_formed(name: str, biases: bool, device: str) -> None:
    snapshot = snapshot_of(make_network(name, device))
    forms = set()
    for block in snapshot.network.blocks:
        names = names_of(snapshot, block, biases)
        found, full = parameter_jacobian(snapshot.clean_trace(), names, 10**9), full_jacobian(snapshot, names)
        forms.add(type(found))
        torch.testing.assert_close(found.gram(), full @ full.T, rtol=1e-10, atol=1e-12)
        pushed = found.push(snapshot.gradients)
        torch.testing.assert_close(pushed, full @ update(snapshot, names), rtol=1e-9, atol=1e-12)
        rows = torch.randn(len(full), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(device)
        pulled = torch.cat([found.pull(rows)[each].flatten() for each in names])
        torch.testing.assert_close(pulled, full.T @ rows, rtol=1e-9, atol=1e-12)
    expected = {"mlp": {DenseJacobian}}.get(name, {DenseJacobian, FormedJacobian})
    assert forms == expected


class Shifted(Layer):
    """Its matrix sees 2 h: it looks dense and is not."""

    def run(self, x):  # type: ignore[no-untyped-def]
        return super().run(2 * x)


def test_a_block_that_only_looks_dense_is_formed(device: str) -> None:
    torch.manual_seed(0)
    network = Network({"odd": Shifted(6, 5), "head": Layer(5, 3, "linear")}, (6,)).double().to(device)
    snapshot = snapshot_of(network)
    names = names_of(snapshot, "odd", True)
    found, full = parameter_jacobian(snapshot.clean_trace(), names, 10**9), full_jacobian(snapshot, names)
    torch.testing.assert_close(found.gram(), full @ full.T, rtol=1e-10, atol=1e-12)


def test_matrices_beyond_the_limit_are_refused(device: str) -> None:
    snapshot = snapshot_of(make_network("pooled", device))
    rows = 4 * 3
    sizes = {"head": rows * rows, "conv2": rows * (4 * 3 * 9 + 4)}
    for block, entries in sizes.items():
        names = names_of(snapshot, block, True)
        parameter_jacobian(snapshot.clean_trace(), names, entries)
        with pytest.raises(SettingError, match=rf"'{block}' needs a matrix of 12 x .* = {entries:,} entries"):
            parameter_jacobian(snapshot.clean_trace(), names, entries - 1)


@pytest.mark.parametrize("probe", [GaussNewtonAngle(GaussNewtonAngleSettings()), NullSpaceRatio(NullSpaceSettings())])
def test_batch_norm_is_refused_even_in_the_first_block(probe: NullSpaceRatio, device: str) -> None:
    snapshot = snapshot_of(make_network("normed", device), "tied")
    snapshot.network.blocks["conv2"].eval()
    with pytest.raises(SettingError, match="'conv1' couples the samples"):
        probe.measure(snapshot)


# gn_angle


@pytest.mark.parametrize("damping", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_gn_angle(name: str, damping: float, device: str) -> None:
    snapshot = snapshot_of(make_network(name, device))
    error = snapshot.batch.error(snapshot.clean_trace().output).flatten()
    found = GaussNewtonAngle(GaussNewtonAngleSettings(damping=PerName(damping))).measure(snapshot)
    assert found.keys() == dict(snapshot.network.blocks.items()).keys()
    for block, value in found.items():
        names = names_of(snapshot, block, True)
        full = full_jacobian(snapshot, names)
        inner = full @ full.T + damping * torch.eye(len(full), dtype=torch.float64, device=device)
        step = full.T @ torch.linalg.solve(inner, error) if damping else torch.linalg.pinv(full, rtol=1e-7) @ error
        assert float(value) == pytest.approx(float(angle(update(snapshot, names), step)), abs=1e-5)


def test_much_damping_is_backpropagation(device: str) -> None:
    snapshot = of_backprop(snapshot_of(make_network("mlp", device)))
    found = GaussNewtonAngle(GaussNewtonAngleSettings(damping=PerName(1e9))).measure(snapshot)
    assert len(found) == 4
    assert all(float(value) < 1e-5 for value in found.values())


# gnt_angle and gnt_damping_search


@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_gnt_angle_as_written(damping: float, device: str) -> None:
    """(1/B) sum_b s'(a) * [J^T (J J^T + damping I)^-1 e] h^T by hand, sample by sample."""
    snapshot = snapshot_of(make_network("mlp", device))
    trace, network = snapshot.clean_trace(), snapshot.network
    error = snapshot.batch.error(trace.output)
    found = GntAngle(GntAngleSettings(damping=PerName(damping), biases=True)).measure(snapshot)
    assert set(found) == {f"fc{i}{suffix}" for i in (1, 2, 3) for suffix in ("", "/bias")}
    for node in ("fc1", "fc2", "fc3"):
        made, weight, bias = trace[node], 0.0, 0.0
        assert made.pre is not None
        for sample in range(4):
            above = list(network.nodes)[network.position(node) + 1 :]
            jacobian = torch.eye(made.out.shape[1], dtype=torch.float64, device=device)
            for each in above:
                pre = trace[each.name].pre[sample]  # type: ignore[index]
                slope = torch.ones_like(pre) if each.name == "head" else 1 - pre.tanh() ** 2
                jacobian = slope[:, None] * network.blocks[each.block].linear.weight.detach() @ jacobian
            inner = jacobian @ jacobian.T + damping * torch.eye(3, dtype=torch.float64, device=device)
            moved = torch.linalg.pinv(jacobian) if damping == 0 else jacobian.T @ torch.linalg.inv(inner)
            at_pre = (1 - made.pre[sample].tanh() ** 2) * (moved @ error[sample])
            weight, bias = weight + torch.outer(at_pre, made.input[sample]), bias + at_pre
        expected = angle(snapshot.gradients[f"{node}.linear.weight"], weight)
        assert float(found[node]) == pytest.approx(float(expected), abs=1e-6)
        expected = angle(snapshot.gradients[f"{node}.linear.bias"], bias)
        assert float(found[f"{node}/bias"]) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_gauss_newton_targets_have_gnt_angle_zero_at_their_own_damping(name: str, device: str) -> None:
    first = next(iter(make_network(name, device).blocks))
    damping = PerName({"*": 0.2, first: 0.0})
    snapshot = snapshot_of(make_network(name, device), rule=GaussNewton(GaussNewtonSettings(damping=damping)))
    found = GntAngle(GntAngleSettings(damping=damping)).measure(snapshot)
    assert found
    assert all(float(value) < 1e-10 for value in found.values())
    other = GntAngle(GntAngleSettings(damping=PerName(50.0))).measure(snapshot)
    assert all(float(value) > 1e-10 for value in other.values())


def test_the_search_is_gnt_angle_at_every_damping(device: str) -> None:
    dampings = (0.0, 1e-5, 0.1, 10.0)
    for snapshot in (made := snapshot_of(make_network("pooled", device)), of_backprop(made)):
        found = GntDampingSearch(DampingSearchSettings(dampings=dampings)).measure(snapshot)
        expected = {}
        for damping in dampings:
            single = GntAngle(GntAngleSettings(damping=PerName(damping))).measure(snapshot)
            expected.update({f"{block}/{damping:g}": value for block, value in single.items()})
        assert set(found) == {f"{b}/{d}" for b in ("conv1", "conv2") for d in ("0", "1e-05", "0.1", "10")}
        torch.testing.assert_close(found, expected)


def test_the_published_dampings_are_the_default() -> None:
    assert DampingSearchSettings().dampings == (0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10)


# activation_angle


@pytest.mark.parametrize("name", NETWORKS)
def test_activation_angle_as_written(name: str, device: str) -> None:
    """Cosines of every sample, by arccos in float64."""
    snapshot = snapshot_of(make_network(name, device))
    trace, e = snapshot.clean_trace(), snapshot.batch
    found = ActivationAngle(ActivationAngleSettings(damping=PerName(0.3))).measure(snapshot)
    rule = GaussNewton(GaussNewtonSettings(damping=PerName(0.3)))
    newton = rule.displacements(trace, snapshot.feedback, e, snapshot.draw)
    nodes = [node.name for node in snapshot.network.nodes]
    kinds = ("bp", "gn", "bp_samples", "gn_samples")
    assert set(found) == {f"{node}/{kind}" for node in nodes[:-1] for kind in kinds}
    assert {float(value) for key, value in found.items() if key.endswith("samples")} == {4}
    for i, node in enumerate(nodes[:-1]):
        h = trace[node].out.clone().requires_grad_()
        out = h
        for each in snapshot.network.nodes[i + 1 :]:
            out = snapshot.network.block_of(each)(out)
        (gradient,) = torch.autograd.grad(e.loss.per_sample(out, e.y).sum(), h)
        for kind, reference in {"bp": -gradient, "gn": newton[node]}.items():
            cosine = torch.cosine_similarity(snapshot.displacements[node].flatten(1), reference.flatten(1))
            expected = torch.rad2deg(torch.arccos(cosine)).mean().detach()
            assert float(found[f"{node}/{kind}"]) == pytest.approx(float(expected), abs=1e-6)


def test_backprop_and_gauss_newton_are_at_angle_zero_to_themselves(device: str) -> None:
    probe = ActivationAngle(ActivationAngleSettings())
    newton = snapshot_of(make_network("mlp", device), rule=GaussNewton(GaussNewtonSettings()))
    found = {
        "bp": [probe.measure(snapshot_of(make_network("mlp", device), "tied")), probe.measure(of_backprop(newton))],
        "gn": [probe.measure(newton)],
    }
    for kind, measured in found.items():
        for each in measured:
            angles = {key: float(value) for key, value in each.items() if not key.endswith("samples")}
            assert all((value < 1e-8) == key.endswith(kind) for key, value in angles.items()), each


def test_a_sample_without_a_vector_is_left_out_of_the_mean() -> None:
    ours = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    theirs = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    assert tuple(map(float, mean_angle(ours, theirs))) == pytest.approx((45, 2))
    angle, samples = mean_angle(ours[1:3], theirs[1:3])
    assert (bool(angle.isnan()), int(samples)) == (True, 0)
    assert bool(mean_angle(ours * torch.nan, theirs)[0].isnan())  # what is not a number is no zero


def test_a_rule_without_displacements_is_refused(device: str) -> None:
    snapshot = dataclasses.replace(snapshot_of(make_network("mlp", device)), displacements={})
    with pytest.raises(SettingError, match="needs displacements"):
        ActivationAngle(ActivationAngleSettings()).measure(snapshot)


# null_space_ratio


def in_null_space(full: Tensor, x: Tensor) -> float:
    """|N N^T x| / |x| with a basis of the null space from a full SVD."""
    _, values, right = torch.linalg.svd(full, full_matrices=True)
    rank = int((values > 1e-7 * values[0]).sum())
    return float((right[rank:] @ x).norm() / x.norm())


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("path", ["layerwise/dense", "direct/linear"])
@pytest.mark.parametrize("name", NETWORKS)
def test_null_space_ratio_by_a_full_svd(name: str, path: str, count: int, device: str) -> None:
    snapshot = snapshot_of(make_network(name, device), path, count=count)
    found = NullSpaceRatio(NullSpaceSettings()).measure(snapshot)
    blocks = list(snapshot.network.blocks)
    assert set(found) == {f"{block}{part}" for block in blocks for part in ("", "/cut")}
    for block in blocks:
        names = names_of(snapshot, block, False)
        full = full_jacobian(snapshot, names)
        assert float(found[block]) == pytest.approx(in_null_space(full, update(snapshot, names)), abs=1e-8)
        assert int(found[f"{block}/cut"]) == len(full) - int(torch.linalg.matrix_rank(full, rtol=1e-7))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_feedback_in_the_row_space_has_no_null_space_part(dtype: torch.dtype, device: str) -> None:
    """Oracle 6: for one sample Q = J^T M gives 0, and so do bp and Gauss-Newton; other feedback does not."""
    network = make_network("mlp", device, dtype)
    trace = network.trace(make_batch(network, 1, dtype)[0])
    feedback, tolerance = make_feedback(network, "direct/linear"), 1e-10 if dtype == torch.float64 else 1e-5
    probe = NullSpaceRatio(NullSpaceSettings())
    generic = probe.measure(snapshot_of(network, feedback=feedback, count=1))
    assert all(float(generic[f"fc{i}"]) > tolerance for i in (1, 2, 3))
    for i in (1, 2, 3):
        mixing = torch.randn(3, 3, generator=torch.Generator().manual_seed(i), dtype=torch.float64).to(device, dtype)
        with torch.no_grad():
            feedback.maps[f"fc{i}"].matrix.weight.copy_(output_jacobians(trace)[f"fc{i}"][0].T @ mixing)
    inside = snapshot_of(network, feedback=feedback, count=1)
    for snapshot in (
        inside,
        of_backprop(inside),
        snapshot_of(network, rule=GaussNewton(GaussNewtonSettings()), count=1),
    ):
        assert all(value < tolerance for value in ratios(probe, snapshot))


def ratios(probe: NullSpaceRatio, snapshot: Snapshot) -> list[float]:
    return [float(value) for name, value in probe.measure(snapshot).items() if not name.endswith("/cut")]


def test_backprop_never_leaves_the_row_space(device: str) -> None:
    """For any batch, in float32 too: grad W = J^T vec(e)."""
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        snapshot = of_backprop(snapshot_of(make_network("mlp", device, dtype), count=16))
        assert all(value < tolerance for value in ratios(NullSpaceRatio(NullSpaceSettings()), snapshot))
