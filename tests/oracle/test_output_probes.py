"""Probes of what updates and feedback do to the output, against projectors, Jacobians and small steps in float64.

If it fails: condition 2 and the movement of the output under a step would be reported wrongly: an update that harms
the output could look as if it helped.
"""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from tests.support.blocks import make_batch, make_network
from tests.support.parts import make_feedback, of_backprop, snapshot_of
from tpzoo import Batch, Feedback, SettingError, output_jacobians
from tpzoo.zoo.losses.mse import ClassSquaredError
from tpzoo.zoo.outputs.gradient import Gradient
from tpzoo.zoo.outputs.plugin import GradientSettings
from tpzoo.zoo.probes.condition_two import ConditionTwo, feedback_jacobian, ratio
from tpzoo.zoo.probes.output_step import OutputStep
from tpzoo.zoo.probes.plugin import ConditionTwoSettings, OutputStepSettings

NETWORKS = ["mlp", "pooled", "residual", "shared"]


def projected(forward: Tensor, backward: Tensor) -> float:
    """|P Q| / |Q| by the projector itself, mean over samples."""
    p = torch.linalg.pinv(forward) @ forward
    return float(((p @ backward).flatten(1).norm(dim=1) / backward.flatten(1).norm(dim=1)).mean())


@pytest.mark.parametrize("space", ["pre", "out"])
def test_condition_two_as_written(space: str, device: str) -> None:
    network = make_network("mlp", device)
    snapshot = snapshot_of(network, "direct/linear")
    trace, rows = snapshot.clean_trace(), []
    for sample in range(4):
        jacobian, parts = torch.eye(3, dtype=torch.float64, device=device), []
        for upper, node in (("head", "fc3"), ("fc3", "fc2"), ("fc2", "fc1")):
            pre = trace[upper].pre[sample]  # type: ignore[index]
            slope = torch.ones_like(pre) if upper == "head" else 1 - pre.tanh() ** 2
            jacobian = jacobian @ (slope[:, None] * network.blocks[upper].linear.weight.detach())
            own = trace[node].pre[sample]  # type: ignore[index]
            parts.insert(0, jacobian * (1 - own.tanh() ** 2) if space == "pre" else jacobian)
        rows.append(parts)
    slopes = {i: 1 - trace[f"fc{i}"].pre.tanh() ** 2 for i in (1, 2, 3)}  # type: ignore[union-attr]
    if space == "out":
        slopes = {i: torch.ones_like(each) for i, each in slopes.items()}
    weights = {i: snapshot.feedback.maps[f"fc{i}"].matrix.weight.detach() for i in (1, 2, 3)}
    backward = [slopes[i].unsqueeze(2) * weights[i] for i in (1, 2, 3)]  # of each sample, (4, n_i, 3)
    found = ConditionTwo(ConditionTwoSettings(space=space)).measure(snapshot)
    forward = [torch.stack([parts[i] for parts in rows]) for i in range(3)]
    expected = {"ratio": projected(torch.cat(forward, 2), torch.cat(backward, 1))}
    expected |= {f"fc{i}": projected(forward[i - 1], backward[i - 1]) for i in (1, 2, 3)}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, abs=1e-8)
    assert 1e-8 < expected["ratio"] < 1 - 1e-8  # neither of the values that are there by chance


@pytest.mark.parametrize("space", ["pre", "out"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_exact_adjoint_fulfils_condition_two(name: str, space: str, device: str) -> None:
    snapshot = snapshot_of(make_network(name, device), "tied")
    found = ConditionTwo(ConditionTwoSettings(space=space)).measure(snapshot)
    assert float(found["ratio"]) == pytest.approx(1, abs=1e-12)
    nodes = [node.name for node in snapshot.network.nodes[:-1]]
    assert {node: float(found[node]) for node in nodes} == pytest.approx(dict.fromkeys(nodes, 1), abs=1e-12)


@pytest.mark.parametrize("space", ["pre", "out"])
def test_exact_gauss_newton_feedback_fulfils_condition_two(space: str, device: str) -> None:
    """Q = J^T (J J^T + damping)^-1 of one sample, with J of all hidden nodes side by side."""
    network = make_network("mlp", device)
    trace = network.trace(make_batch(network, 1)[0])
    feedback = make_feedback(network, "direct/linear")
    rows = {node: output_jacobians(trace)[node][0] for node in ("fc1", "fc2", "fc3")}
    joint = torch.cat(list(rows.values()), 1)
    inverse = torch.linalg.inv(joint @ joint.T + 0.3 * torch.eye(3, dtype=torch.float64, device=device))
    with torch.no_grad():
        for node, row in rows.items():
            feedback.maps[node].matrix.weight.copy_(row.T @ inverse)
    snapshot = snapshot_of(network, feedback=feedback, count=1)
    found = ConditionTwo(ConditionTwoSettings(space=space)).measure(snapshot)
    assert float(found["ratio"]) == pytest.approx(1, abs=1e-12)


def test_a_sample_without_feedback_is_left_out_and_one_that_is_no_number_is_not() -> None:
    forward = torch.randn(3, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    backward = forward.clone()
    backward[1] = 0
    assert float(ratio(forward, backward, 1e-16)) == pytest.approx(1)
    assert bool(ratio(forward, 0 * backward, 1e-16).isnan())
    backward[1, 0, 0] = torch.nan
    assert bool(ratio(forward, backward, 1e-16).isnan())


def test_activations_are_the_default() -> None:
    assert ConditionTwoSettings().space == "out"


def test_the_jacobian_of_nonlinear_feedback(device: str) -> None:
    """Against torch.func.jacrev through the chain of maps; central differences err by their step squared."""
    snapshot = snapshot_of(make_network("mlp", device), "layerwise/dense", count=2)
    trace = snapshot.clean_trace()
    found = feedback_jacobian(snapshot.feedback, trace, 1e-3)

    def sent(d: Tensor) -> Tensor:
        made = snapshot.feedback.displacements(trace, d)
        return torch.cat([made[node] for node in ("fc1", "fc2", "fc3")], 1).sum(0)

    expected = jacrev(sent)(torch.zeros_like(trace.output)).permute(1, 2, 0)  # (batch, n_L, sum n_i)
    torch.testing.assert_close(torch.cat(list(found.values()), 2), expected, rtol=1e-4, atol=1e-6)


def test_condition_two_needs_feedback(device: str) -> None:
    snapshot = dataclasses.replace(snapshot_of(make_network("mlp", device)), feedback=Feedback([]))
    with pytest.raises(SettingError, match="needs feedback"):
        ConditionTwo(ConditionTwoSettings()).measure(snapshot)


# output_step


def test_output_step_is_what_a_small_step_does(device: str) -> None:
    for snapshot in (made := snapshot_of(make_network("mlp", device)), of_backprop(made)):
        found = OutputStep(OutputStepSettings(samples=2)).measure(snapshot)
        assert len(found) == 2 * (3 * 2 + 1)
        before, weights = snapshot.clean_trace().output, dict(snapshot.network.blocks.named_parameters())
        with torch.no_grad():
            for name, value in snapshot.gradients.items():
                weights[name].sub_(1e-6 * value)
            after = snapshot.network(snapshot.batch.x)
            for name, value in snapshot.gradients.items():
                weights[name].add_(1e-6 * value)
        for sample in (0, 1):
            for i in (0, 1):
                assert float(found[f"{sample}/output_{i}"]) == pytest.approx(float(before[sample, i]))
                change = float((after - before)[sample, i]) / 1e-6
                assert float(found[f"{sample}/change_{i}"]) == pytest.approx(change, rel=1e-4)
                assert float(found[f"{sample}/label_{i}"]) == float(snapshot.batch.y[sample] == i)
            # over all three outputs, although only two are recorded
            way = torch.nn.functional.one_hot(snapshot.batch.y, 3)[sample] - before[sample]
            cosine = torch.nn.functional.cosine_similarity((after - before)[sample], way, dim=0)
            assert math.cos(math.radians(float(found[f"{sample}/angle"]))) == pytest.approx(float(cosine), abs=1e-4)


def test_output_step_of_a_regression(device: str) -> None:
    network = make_network("mlp", device)
    x, _ = make_batch(network, 2)
    y = torch.randn(2, 3, dtype=torch.float64, device=device)
    snapshot = of_backprop(snapshot_of(network))
    snapshot = dataclasses.replace(snapshot, batch=Batch(x, y, ClassSquaredError(), Gradient(GradientSettings(0.1))))
    found = OutputStep(OutputStepSettings(samples=5)).measure(snapshot)
    assert len(found) == 2 * (3 * 2 + 1)  # no more samples than there are, and two of three outputs
    assert [float(found[f"{s}/label_{i}"]) for s in (0, 1) for i in (0, 1)] == y[:, :2].flatten().tolist()
