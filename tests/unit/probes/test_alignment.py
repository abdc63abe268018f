"""Alignment probes against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.support.image_networks import VGG, build_from
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


VECTORS = 2000
DRAWN = f"probes.jacobian_alignment={{every: 1, vectors: {VECTORS}, exact_up_to: 0}}"


def hutchinson(ours: Tensor, theirs: Tensor) -> tuple[float, float]:
    """The angle between two stacks of Jacobians (samples, out, in) in degrees, and five standard errors of it.

    <A d, B d> with d normal has the mean <A, B> and the variance 2 |S|^2, S the symmetric part of A^T B; those of the
    samples add up. The cosine errs as its numerator does and half as both squared norms do, the angle by that over
    the sine.
    """

    def error(a: Tensor, b: Tensor) -> float:
        product = a.mT @ b
        return float(((product + product.mT) / 2).norm()) * math.sqrt(2 / VECTORS)

    size, norms = float(ours.norm() * theirs.norm()), (ours.square().sum(), theirs.square().sum())
    exact = float(angle(ours, theirs))
    relative = error(ours, ours) / float(norms[0]) + error(theirs, theirs) / float(norms[1])
    of_cosine = error(ours, theirs) / size + abs(math.cos(math.radians(exact))) * relative / 2
    return exact, 5 * math.degrees(of_cosine / math.sin(math.radians(exact)))


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
    """J_G = V and J_F^T = W^T in a linear network, the same for all 32 samples."""
    overrides = (DRAWN, "probes.weight_alignment.every=1")
    built = build_from(*LINEAR, *overrides, "feedback_training.iterations=0")
    blocks = built.engine.network.blocks
    theirs = {name: blocks[name].get_parameter("linear.weight").detach().T.clone() for name in ("fc2", "fc3")}
    jacobians = measured(built, "jacobian_alignment")
    weights = measured(build_from(*LINEAR, *overrides, "feedback_training.iterations=0"), "weight_alignment")
    for edge, inverted in (("fc1", "fc2"), ("fc2", "fc3")):
        ours = built.engine.feedback.get_parameter(f"maps.{edge}.twin.twins.linear.matrix.weight").detach()
        exact, error = hutchinson(ours.expand(32, -1, -1), theirs[inverted].expand(32, -1, -1))
        assert weights[f"{inverted}/angle"] == pytest.approx(exact)
        assert jacobians[f"{edge}/angle"] == pytest.approx(exact, abs=error)
        # five of the errors that the probe says itself, which are those of the formula to within a fifth
        assert abs(jacobians[f"{edge}/angle"] - exact) < 5 * jacobians[f"{edge}/angle_se"]
        assert jacobians[f"{edge}/angle_se"] < 1.2 * error / 5
        # the ratio errs by half of what both squared norms do, each by less than sqrt(2 / (vectors * samples))
        ratio = float(ours.norm() / theirs[inverted].norm())
        assert jacobians[f"{edge}/ratio"] == pytest.approx(ratio, rel=5 * math.sqrt(2 / (VECTORS * 32)))


def test_the_true_adjoint_has_angle_zero() -> None:
    """J_G = A unpool diag(s'(h)) is J_F^T where A has F's weights and s' is the same at both ends of s, as that of a
    leaky ReLU is, away from its kink."""
    built = build_from(
        *VGG,
        "architecture.activation=leaky_relu",
        "feedback.map.init=symmetric",
        "probes.jacobian_alignment={every: 1, epsilon: 1e-9}",
        "feedback_training.iterations=0",
    )
    found = measured(built, "jacobian_alignment")
    assert len(found) == 2 * 4
    for name, value in found.items():  # an arccosine near 1 keeps half of the digits
        assert value == pytest.approx(0, abs=1e-5) if name.endswith("angle") else value == pytest.approx(1)


@pytest.mark.parametrize("drawn", [True, False])
def test_jacobian_alignment_of_direct_edges_goes_through_all_blocks_above(drawn: bool) -> None:
    """A narrow source is measured by all its unit vectors: then the angle is exact and has no error beside it."""
    overrides = ("precision=float64", "architecture.hidden=[12,9]", "feedback=direct", "feedback.map=linear")
    built = build_from(
        *overrides,
        "feedback_training.iterations=0",
        DRAWN if drawn else "probes.jacobian_alignment.every=1",
    )
    trace_of = built.engine.network
    x = built.data.prepare(built.data.train.x[:32], built.dtype)
    trace = trace_of.trace(x, update_buffers=False)
    unit = torch.eye(10, dtype=torch.float64)[:, None].expand(10, 32, 10)
    pulled = torch.stack([trace["fc2"].vjp(trace["fc3"].vjp(each)) for each in unit])  # (10, 32, 12)
    matrix = built.engine.feedback.get_parameter("maps.fc1.matrix.weight").detach()
    exact, error = hutchinson(matrix.expand(32, 12, 10), pulled.permute(1, 2, 0))
    found = measured(built, "jacobian_alignment")
    assert found["fc1/angle"] == pytest.approx(exact, abs=error if drawn else 1e-9)
    assert ("fc1/angle_se" in found) == drawn
