"""Alignment probes against closed forms."""

from __future__ import annotations

import pytest
import torch
from image_networks import VGG, build_from

from tpzoo.engine import Snapshot, angle
from tpzoo.runner.build import Built

LINEAR = (
    "precision=float64",
    "architecture=mlp",
    "architecture.hidden=[12,9]",
    "architecture.activation=linear",
    "feedback.map=mirror",
    "learner=ldrl",
)


def measured(built: Built, probe: str) -> dict[str, float]:
    """What a probe says in the first step, before the weights move; feedback must not learn before that."""
    engine = built.engine
    x, y = built.data.prepare(built.data.train.x[:32], built.dtype), built.data.train.y[:32]
    found: dict[str, float] = {}

    def observe(snapshot: Snapshot) -> None:
        found.update({name: float(value) for name, value in built.probes[probe].measure(snapshot).items()})

    engine.train_batch(x, y, observe=observe)
    return found


@pytest.mark.parametrize("overrides", [LINEAR, VGG])
def test_copies_of_the_forward_weights_are_aligned(overrides: tuple[str, ...]) -> None:
    built = build_from(
        *overrides, "feedback.map.init=symmetric", "probes.weight_alignment.every=1", "feedback_training.iterations=0"
    )
    found = measured(built, "weight_alignment")
    assert len(found) == 2 * len(built.engine.feedback.edges)
    assert all(value == pytest.approx(0, abs=1e-5) for value in found.values())


def test_weight_alignment_is_the_angle_and_the_distance_of_whole_tensors() -> None:
    built = build_from(*LINEAR, "probes.weight_alignment.every=1", "feedback_training.iterations=0")
    weight = built.engine.network.get_parameter("blocks.fc2.linear.weight").detach().clone()
    feedback = built.engine.feedback.get_parameter("maps.fc1.twin.twins.linear.matrix.weight").detach().T
    found = measured(built, "weight_alignment")
    assert found["fc2/angle"] == pytest.approx(float(angle(weight, feedback)))
    assert found["fc2/distance"] == pytest.approx(float((weight - feedback).norm() / weight.norm()))


@pytest.mark.parametrize(("path", "columns"), [("layerwise", {"fc2", "fc3"}), ("direct", {"fc3"})])
def test_weight_alignment_is_named_by_the_block_that_is_inverted(path: str, columns: set[str]) -> None:
    """A direct edge over several blocks mirrors none."""
    built = build_from(*LINEAR, f"feedback={path}", "feedback.map=linear", "probes.weight_alignment.every=1")
    found = measured(built, "weight_alignment")
    assert {name.split("/")[0] for name in found} == columns


def test_linear_blocks_have_the_angle_of_their_weights() -> None:
    """J_G = V and J_F^T = W^T in a linear network; Hutchinson's error with 2000 vectors of 32 samples is below 1 %."""
    overrides = ("probes.jacobian_alignment={every: 1, vectors: 2000}", "probes.weight_alignment.every=1")
    built = build_from(*LINEAR, *overrides, "feedback_training.iterations=0")
    jacobians = measured(built, "jacobian_alignment")
    weights = measured(build_from(*LINEAR, *overrides, "feedback_training.iterations=0"), "weight_alignment")
    for edge, inverted in (("fc1", "fc2"), ("fc2", "fc3")):
        assert jacobians[f"{edge}/angle"] == pytest.approx(weights[f"{inverted}/angle"], abs=1.0)
    weight = build_from(*LINEAR).engine.network.get_parameter("blocks.fc3.linear.weight").detach()
    feedback = built.engine.feedback.get_parameter("maps.fc2.twin.twins.linear.matrix.weight").detach()
    assert jacobians["fc2/ratio"] == pytest.approx(float(feedback.norm() / weight.norm()), rel=0.02)


def test_the_true_adjoint_of_an_elu_network_has_angle_zero() -> None:
    """J_G = A unpool diag(s'(h)) is J_F^T where the map's weights are F's and ELU'(h) = h + 1 = exp(a) for a < 0 fits:
    at the block's output the map sees ELU'(ELU(a)), which is exp(ELU(a)), close to exp(a) for small a only."""
    built = build_from(
        *VGG, "feedback.map.init=symmetric", "probes.jacobian_alignment.every=1", "feedback_training.iterations=0"
    )
    found = measured(built, "jacobian_alignment")
    assert found["conv4/angle"] < 1e-3  # it inverts fc1, which is linear: exact
    assert all(value < 20 for name, value in found.items() if name.endswith("angle"))


def test_jacobian_alignment_of_direct_edges_goes_through_all_blocks_above() -> None:
    overrides = ("precision=float64", "architecture.hidden=[12,9]", "feedback=direct", "feedback.map=linear")
    built = build_from(
        *overrides, "feedback_training.iterations=0", "probes.jacobian_alignment={every: 1, vectors: 400}"
    )
    trace_of = built.engine.network
    x = built.data.prepare(built.data.train.x[:32], built.dtype)
    trace = trace_of.trace(x, update_buffers=False)
    unit = torch.eye(10, dtype=torch.float64)[:, None].expand(10, 32, 10)
    pulled = torch.stack([trace["fc2"].vjp(trace["fc3"].vjp(each)) for each in unit])  # (10, 32, 12)
    matrix = built.engine.feedback.get_parameter("maps.fc1.matrix.weight").detach()
    expected = angle(matrix.T[:, None].expand_as(pulled), pulled)
    assert measured(built, "jacobian_alignment")["fc1/angle"] == pytest.approx(float(expected), abs=2.0)
