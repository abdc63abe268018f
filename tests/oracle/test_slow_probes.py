"""Every probe against a slow version of itself: whole Jacobians by torch.func, sample by sample, in float64.

The slow versions share no line with the probes but ``angle``. If it fails: what a probe reports is not what its
description says, on one of the kinds of network or in one of the precisions.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.func import functional_call, jacrev

from tests.support.blocks import make_network
from tests.support.parts import LEARNERS, of_backprop, snapshot_of
from tpzoo import Network, PerName, Probe, SingleStep, Snapshot, angle
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.settings import NoSettings
from tpzoo.zoo.rules.gauss_newton import GaussNewton
from tpzoo.zoo.rules.plugin import GaussNewtonSettings
from tpzoo.zoo.updates.gradient import Gradient
from tpzoo.zoo.updates.minimal_norm import MinimalNorm
from tpzoo.zoo.updates.plugin import GradientSettings, MinimalNormSettings

NETWORKS = ("mlp", "pooled", "residual")
"""An MLP, a CNN with pools, a residual net. The net with batch norm has tests of its own: samples have no Jacobian."""

DTYPES = (torch.float64, torch.float32)
PATHS = ("layerwise/dense", "direct/linear")


def probe(name: str, **given: object) -> Probe:
    record = load_catalogue().find("probe", name).record
    assert record.config is not None
    made: Probe = record.builder()(record.config(**given))
    return made


def twin(snapshot: Snapshot) -> Network:
    """A float64 copy of the network."""
    return copy.deepcopy(snapshot.network).double()


def activations(network: Network, x: Tensor) -> dict[str, Tensor]:
    found = {"input": x}
    for node in network.nodes:
        x = network.block_of(node)(x)
        found[node.name] = x.detach()
    return found


def onward(network: Network, after: str, upto: str | None = None) -> Callable[[Tensor], Tensor]:
    """The part of the network above a node, as a function."""
    first = network.position(after) + 1
    last = len(network.nodes) if upto is None else network.position(upto) + 1

    def run(h: Tensor) -> Tensor:
        for node in network.nodes[first:last]:
            h = network.block_of(node)(h)
        return h

    return run


def jacobian_of_sample(function: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """(outputs, inputs) for one sample h, without its batch dimension."""
    found: Tensor = jacrev(lambda each: function(each.unsqueeze(0)).flatten())(h)
    return found.flatten(1).detach()


def weights_of(block: str, tensors: dict[str, Tensor]) -> Tensor:
    own = sorted(name for name in tensors if name.split(".")[0] == block and not name.endswith("bias"))
    return torch.cat([tensors[name].flatten().double() for name in own])


def loss_gradient(snapshot: Snapshot, out: Tensor) -> Tensor:
    """dloss/dh_L of every sample, of cross-entropy by hand."""
    return out.softmax(1) - torch.nn.functional.one_hot(snapshot.batch.y, out.shape[1])


def check(found: dict[str, Tensor], expected: dict[str, float], dtype: torch.dtype, size: float = 1.0) -> None:
    measured = {name: float(found[name]) for name in expected}
    assert measured == pytest.approx(expected, abs=(1e-9 if dtype == torch.float64 else 2e-3) * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", [*NETWORKS, "normed"])
def test_bp_angle(name: str, path: str, dtype: torch.dtype, device: str) -> None:
    snapshot = snapshot_of(make_network(name, device, dtype), path)
    network, x = twin(snapshot), snapshot.batch.x.double()
    parameters = {k: p.detach() for k, p in network.named_parameters()}

    def loss(values: dict[str, Tensor]) -> Tensor:
        h = x
        for node in network.nodes:
            block = network.block_of(node)
            own = {
                k.removeprefix(f"blocks.{node.block}."): v for k, v in values.items() if k.split(".")[1] == node.block
            }
            buffers = {k: v.clone() for k, v in block.named_buffers()}
            h = functional_call(block, (own, buffers), (h,))
        return torch.nn.functional.cross_entropy(h, snapshot.batch.y)

    gradients = {k.removeprefix("blocks."): v for k, v in torch.func.grad(loss)(parameters).items()}
    ours = dict(snapshot.gradients)
    expected = {b: float(angle(weights_of(b, ours), weights_of(b, gradients))) for b in network.blocks}
    check(probe("bp_angle").measure(snapshot), expected, dtype, 100)


def newton(jacobian: Tensor, d: Tensor, damping: float) -> Tensor:
    if damping == 0:
        return torch.linalg.pinv(jacobian, rtol=1e-7) @ d
    return jacobian.T @ torch.linalg.solve(jacobian @ jacobian.T + damping * torch.eye(len(d), dtype=d.dtype), d)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("damping", [0.0, 0.4])
@pytest.mark.parametrize("name", NETWORKS)
def test_gauss_newton_angles(name: str, damping: float, dtype: torch.dtype) -> None:
    """gnt_angle, its search and activation_angle, from the loss gradient: by hand, block by block."""
    snapshot = snapshot_of(make_network(name, "cpu", dtype))
    network, found = twin(snapshot), activations(twin(snapshot), snapshot.batch.x.double())
    last = network.nodes[-1].name
    error = loss_gradient(snapshot, found[last])
    targets, in_activations, of_blocks = {}, {}, {}
    below = dict(zip([n.name for n in network.nodes], found, strict=False))
    for node in network.nodes[:-1]:
        rows = [jacobian_of_sample(onward(network, node.name), h) for h in found[node.name]]
        moved = torch.stack([newton(j, -e, damping) for j, e in zip(rows, error, strict=True)])
        pulled = torch.stack([-j.T @ e for j, e in zip(rows, error, strict=True)])
        targets[node.name] = moved.view_as(found[node.name])
        d = snapshot.displacements[node.name].double().flatten(1)
        for kind, theirs in (("bp", pulled), ("gn", moved)):
            angles = [float(angle(one, other)) for one, other in zip(d, theirs, strict=True)]
            in_activations[f"{node.name}/{kind}"] = sum(angles) / len(angles)
        block = network.block_of(node)
        parameters = {k: p for k, p in block.named_parameters()}
        out = block(found[below[node.name]])
        local = 0.5 * (out - (found[node.name] + targets[node.name])).square().flatten(1).sum(1).mean()
        made = dict(zip(parameters, torch.autograd.grad(local, list(parameters.values())), strict=True))
        named = {f"{node.block}.{k}": v for k, v in made.items()}
        of_blocks[node.block] = float(
            angle(weights_of(node.block, dict(snapshot.gradients)), weights_of(node.block, named))
        )
    size = 100 * (1 if damping else 10)
    check(probe("gnt_angle", damping=PerName(damping)).measure(snapshot), of_blocks, dtype, size)
    searched = probe("gnt_damping_search", dampings=(damping,)).measure(snapshot)
    check(searched, {f"{b}/{damping:g}": value for b, value in of_blocks.items()}, dtype, size)
    check(probe("activation_angle", damping=PerName(damping)).measure(snapshot), in_activations, dtype, size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_null_space_and_gauss_newton_of_parameters(name: str, path: str, dtype: torch.dtype) -> None:
    """By the full Jacobian of the batch, its singular vectors and its pseudo-inverse."""
    snapshot = snapshot_of(make_network(name, "cpu", dtype), path)
    network, x = twin(snapshot), snapshot.batch.x.double()
    error = loss_gradient(snapshot, network(x).detach()).flatten()
    ratios, angles = {}, {}
    for block in network.blocks:
        for biases, into in ((False, ratios), (True, angles)):
            names = sorted(n for n in snapshot.gradients if n.split(".")[0] == block)
            names = [n for n in names if biases or not n.endswith("bias")]
            given = {f"blocks.{n}": network.blocks.get_parameter(n).detach() for n in names}
            rows = jacrev(lambda values: functional_call(network, values, (x,)).flatten())(given)
            full = torch.cat([rows[f"blocks.{n}"].flatten(1).detach() for n in names], 1)
            g = torch.cat([snapshot.gradients[n].flatten().double() for n in names])
            rtol = 1e-7 if dtype == torch.float64 else 12 * torch.finfo(dtype).eps
            if biases:
                into[block] = float(angle(g, torch.linalg.pinv(full, rtol=rtol) @ error))
                continue
            _, values, right = torch.linalg.svd(full, full_matrices=True)
            rank = int((values > rtol * values[0]).sum())
            into[block] = float((right[rank:] @ g).norm() / g.norm())
            into[f"{block}/cut"] = len(full) - rank
    check(probe("null_space_ratio").measure(snapshot), ratios, dtype, 10)
    check(probe("gn_angle").measure(snapshot), angles, dtype, 1000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", [*PATHS, "tied"])
@pytest.mark.parametrize("space", ["out", "pre"])
@pytest.mark.parametrize("name", NETWORKS)
def test_condition_two(name: str, space: str, path: str, dtype: torch.dtype) -> None:
    """By the projector J^T (J J^T)^+ J itself, and by what each sample's slopes at the pre-activation are."""
    snapshot = snapshot_of(make_network(name, "cpu", dtype), path, count=2)
    network, found = twin(snapshot), activations(twin(snapshot), snapshot.batch.x.double())
    hidden = [node.name for node in network.nodes[:-1]]
    trace, feedback = snapshot.clean_trace(), snapshot.feedback.double()
    trace = twin(snapshot).trace(snapshot.batch.x.double(), update_buffers=False)
    joint: dict[str, list[float]] = {node: [] for node in ["ratio", *hidden]}
    for sample in range(2):
        rows, columns = {}, {}
        for node in hidden:
            own = jacobian_of_sample(onward(network, node), found[node][sample])
            units = []
            for unit in torch.eye(3, dtype=torch.float64):
                d = torch.zeros_like(trace.output)
                d[sample] = 1e-6 * unit
                with torch.no_grad():
                    sent = [feedback.displacements(trace, s * d).get(node, torch.zeros(2, 1)) for s in (1, -1)]
                units.append((sent[0][sample] - sent[1][sample]).flatten() / 2e-6)
            backward = torch.stack(units, 1)
            pre = trace[node].pre
            if space == "pre" and pre is not None and pre.shape == trace[node].out.shape:
                slope = (1 - pre[sample].tanh().square()).flatten()
                own, backward = own * slope, slope[:, None] * backward
            rows[node], columns[node] = own, backward
        rows["ratio"] = torch.cat([rows[node] for node in hidden], 1)
        columns["ratio"] = torch.cat([columns[node] for node in hidden], 0)
        for key, values in joint.items():
            p = torch.linalg.pinv(rows[key], rtol=1e-7) @ rows[key]
            values.append(float((p @ columns[key]).norm() / columns[key].norm()))
    snapshot.feedback.to(dtype)
    expected = {key: sum(values) / 2 for key, values in joint.items()}
    check(probe("condition_two", space=space).measure(snapshot), expected, dtype, 1000 if path != "tied" else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", [*NETWORKS, "normed"])
def test_jacobian_alignment(name: str, path: str, dtype: torch.dtype) -> None:
    """By both Jacobians in full, of the whole batch: exact for narrow sources, else within five standard errors."""
    snapshot = snapshot_of(make_network(name, "cpu", dtype), path, count=3)
    found = probe("jacobian_alignment", epsilon=1e-6 if dtype == torch.float64 else 1e-2, vectors=400).measure(snapshot)
    network, feedback = twin(snapshot), snapshot.feedback.double()
    x = snapshot.batch.x.double()
    trace = network.trace(x, update_buffers=False)
    for edge in feedback.edges:
        source, target = trace[edge.source].name, edge.target
        at = feedback.at(edge, trace)
        h, u = trace[target].out, trace[source].out
        buffers = {k: v.clone() for k, v in network.named_buffers()}
        forward = jacobian(lambda value, s=source, t=target: onward(network, t, s)(value).flatten(), h)
        network.load_state_dict({**network.state_dict(), **buffers})
        theirs = forward.detach().reshape(u.numel(), h.numel()).T
        ours = jacrev(lambda d, e=edge, a=at: e.map.difference(d, a).flatten())(torch.zeros_like(u))
        ours = ours.detach().reshape(h.numel(), u.numel())
        exact, ratio = float(angle(ours, theirs)), float(ours.norm() / theirs.norm())
        error = float(found.get(f"{edge.name}/angle_se", 0.0)), float(found.get(f"{edge.name}/ratio_se", 0.0))
        small = 1e-5 if dtype == torch.float64 else 0.05
        assert float(found[f"{edge.name}/angle"]) == pytest.approx(exact, abs=5 * error[0] + small)
        assert float(found[f"{edge.name}/ratio"]) == pytest.approx(ratio, abs=5 * error[1] + small)


@pytest.mark.parametrize("name", [*NETWORKS, "normed"])
def test_reconstruction_and_its_standard_error(name: str) -> None:
    """The mean of many single draws lies within the standard errors that the probe says."""
    snapshot = dataclasses.replace(snapshot_of(make_network(name, "cpu")), learner=LEARNERS["reconstruction"]())
    found = probe("reconstruction", draws=200).measure(snapshot)
    trace = snapshot.clean_trace()
    for edge in snapshot.feedback.edges:
        losses = []
        for seed in range(200):
            noise = 0.2 * torch.randn(trace[edge.target].out.shape, dtype=torch.float64, generator=seeded(seed))
            h = trace[edge.target].out + noise
            made = edge.map(snapshot.network.push(h, edge.target, edge.source).out, snapshot.feedback.at(edge, trace))
            losses.append((made - h).square().mean() / 0.2**2)
        values = torch.stack(losses).detach()
        spread = (float(found[f"{edge.name}/se"]) ** 2 + float(values.var()) / 200) ** 0.5
        assert abs(float(found[edge.name]) - float(values.mean())) < 5 * spread
        assert float(found[f"{edge.name}/se"]) == pytest.approx(float(values.std()) / 200**0.5, rel=0.5)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("output", ["gradient", "argmin"])
def test_the_reference_is_the_loss_gradient_whatever_the_output_target(output: str) -> None:
    """Of bp, which asks no output target, no setting of it may move an angle."""
    made = snapshot_of(make_network("mlp", "cpu"))
    record = load_catalogue().find("output", output).record
    target = record.builder()(record.config() if record.config else NoSettings())
    snapshot = dataclasses.replace(of_backprop(made), batch=dataclasses.replace(made.batch, output=target))
    found = probe("gnt_angle", damping=PerName(1e6)).measure(snapshot)
    assert found
    assert all(float(value) < 1e-3 for value in found.values())  # much damping is backpropagation
    other = probe("gnt_angle", damping=PerName(1e6), reference="output").measure(snapshot)
    assert all((float(value) < 1e-3) == (output == "gradient") for value in other.values())


@pytest.mark.parametrize("update", [Gradient(GradientSettings()), MinimalNorm(MinimalNormSettings(norm_ratio=0.5))])
def test_exact_gauss_newton_targets_are_at_zero_under_the_runs_own_update(update: SingleStep) -> None:
    made = snapshot_of(make_network("mlp", "cpu"), rule=GaussNewton(GaussNewtonSettings()))
    own = update.gradients(made.clean_trace(), made.displacements)
    snapshot = dataclasses.replace(made, update=update, gradients=own)
    for name in ("gnt_angle", "gnt_damping_search"):
        found = probe(name).measure(snapshot)
        at_zero = {key: float(value) for key, value in found.items() if key.endswith("/0") or "/" not in key}
        assert at_zero
        assert all(value < 1e-8 for value in at_zero.values())


def test_the_bias_alone_has_an_angle_where_inputs_are_zero() -> None:
    snapshot = snapshot_of(make_network("mlp", "cpu"))
    x = torch.zeros_like(snapshot.batch.x)
    batch = dataclasses.replace(snapshot.batch, x=x)
    trace = snapshot.network.trace(x)
    d = {node: torch.ones_like(made.out) for node, made in trace.passes.items()}
    snapshot = dataclasses.replace(
        snapshot, batch=batch, trace=trace, displacements=d, gradients=snapshot.updates_of(trace, d)
    )
    assert not snapshot.gradients["fc1.linear.weight"].any()
    assert float(probe("gn_angle").measure(snapshot)["fc1"]) == pytest.approx(
        float(angle(snapshot.gradients["fc1.linear.bias"], gauss_newton_of_bias(snapshot))), abs=1e-6
    )


def gauss_newton_of_bias(snapshot: Snapshot) -> Tensor:
    network, x = twin(snapshot), snapshot.batch.x
    given = {"blocks.fc1.linear.bias": network.blocks.get_parameter("fc1.linear.bias").detach()}
    rows = jacrev(lambda values: functional_call(network, values, (x,)).flatten())(given)["blocks.fc1.linear.bias"]
    found: Tensor = torch.linalg.pinv(rows.detach(), rtol=1e-7) @ loss_gradient(snapshot, network(x).detach()).flatten()
    return found
