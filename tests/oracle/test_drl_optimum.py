"""Where the difference reconstruction loss leads on a linear network: the damped pseudo-inverse.

With J the Jacobian from the edge's target to the output, n its target's width, and weight decay wd (added to the
gradient by SGD): Q* = J^T (J J^T + (n wd / 2) I)^-1. See Meulemans et al. 2020, and section 3.6 of the facts.

If it fails: trained feedback would tend to something else than the damped pseudo-inverse: DTP with DRL would not
approximate Gauss-Newton, and what is said about its theory would be about another algorithm.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.support.blocks import Layer
from tests.support.parts import make_feedback, relative
from tpzoo import Draw, Edge, Feedback, Network, PerName, Trace
from tpzoo.assembly.maker import seeded
from tpzoo.engine import WeightStepper
from tpzoo.zoo.learners.drl import DRL
from tpzoo.zoo.learners.plugin import DrlSettings

SIGMA = 0.3
WIDTHS = (4, 6, 5, 3)
LEARNER = DRL(DrlSettings(sigma=PerName(SIGMA)))


def linear_network(device: str) -> Network:
    blocks = {f"fc{i}": Layer(WIDTHS[i - 1], WIDTHS[i], "linear") for i in (1, 2, 3)}
    with seeded(0, "test"):
        for block in blocks.values():
            torch.nn.init.orthogonal_(block.linear.weight)
    return Network(blocks, (WIDTHS[0],)).double().to(device)


def jacobian(network: Network, target: str) -> Tensor:
    """Of the output with respect to node ``target``: the product of the matrices above it."""
    matrix = torch.eye(WIDTHS[-1], dtype=torch.float64, device=next(network.parameters()).device)
    for node in reversed(network.nodes[network.position(target) + 1 :]):
        matrix = matrix @ network.blocks[node.block].linear.weight.detach()
    return matrix


def damped_pseudo_inverse(j: Tensor, width: int, weight_decay: float) -> Tensor:
    gram = j @ j.T + width * weight_decay / 2 * torch.eye(len(j), dtype=j.dtype, device=j.device)
    return torch.linalg.solve(gram, j).T  # gram is symmetric


def exact_noise(trace: Trace, edge: Edge) -> tuple[Tensor]:
    """Noise whose empirical covariance is exactly sigma^2 I: one scaled unit vector for each unit."""
    width = trace[edge.target].out.shape[1]
    rows = trace.batch_size
    assert rows % width == 0
    eye = torch.eye(width, dtype=torch.float64, device=trace.output.device)
    return ((SIGMA * math.sqrt(width) * eye).repeat(rows // width, 1),)


def train(feedback: Feedback, trace: Trace, weight_decay: float, steps: int = 1500) -> None:
    """Gradient descent on the exact expectation of the loss. Its curvature is 2/n (J J^T + ...) <= 1 here."""
    optimizer = torch.optim.SGD(feedback.maps.parameters(), lr=1.0, weight_decay=weight_decay)
    group = WeightStepper(dict(feedback.maps.items()), optimizer)
    noises = [exact_noise(trace, edge) for edge in feedback.edges]
    for _ in range(steps):
        found = LEARNER.gradients(feedback.edges, trace, feedback, noises)
        pairs = zip(feedback.edges, found, strict=True)
        group.step({f"{edge.name}.{name}": value for edge, each in pairs for name, value in each.items()})


@pytest.mark.parametrize("weight_decay", [0.0, 0.02, 0.3])
def test_direct_maps_become_the_damped_pseudo_inverse(weight_decay: float, device: str) -> None:
    network = linear_network(device)
    feedback = make_feedback(network, "direct/linear")
    # 30 rows: a multiple of both hidden widths, so that every edge gets noise of exact covariance.
    trace = network.trace(torch.randn(30, WIDTHS[0], dtype=torch.float64, device=device, generator=generator(device)))
    train(feedback, trace, weight_decay)
    for edge in feedback.edges:  # fc2 is the last hidden layer: J = W_3, whatever the data
        j = jacobian(network, edge.target)
        expected = damped_pseudo_inverse(j, j.shape[1], weight_decay)
        assert relative(edge.map.matrix.weight.detach(), expected) < 1e-9
        # The damping is seen: without it the optimum is elsewhere.
        if weight_decay:
            assert relative(edge.map.matrix.weight.detach(), damped_pseudo_inverse(j, j.shape[1], 0.0)) > 1e-9


def test_layerwise_maps_invert_what_the_chain_above_them_leaves(device: str) -> None:
    """DTPDRL: M J xi arrives at an edge, M the chain above it, so Q* = r^T (r r^T + n wd/2 I)^-1 with r = M J."""
    network = linear_network(device)
    feedback = make_feedback(network, "layerwise/linear")
    trace = network.trace(torch.randn(30, WIDTHS[0], dtype=torch.float64, device=device, generator=generator(device)))
    weight_decay = 0.1
    train(feedback, trace, weight_decay, steps=4000)
    upper, lower = (edge.map.matrix.weight.detach() for edge in feedback.edges)
    top = jacobian(network, "fc2")
    assert relative(upper, damped_pseudo_inverse(top, WIDTHS[2], weight_decay)) < 1e-9
    arriving = upper @ jacobian(network, "fc1")
    assert relative(lower, damped_pseudo_inverse(arriving, WIDTHS[1], weight_decay)) < 1e-9


def test_the_expected_gradient_with_drawn_noise_vanishes_there_and_only_there(device: str) -> None:
    """The learner's own noise, 20,000 samples; the margin is five standard errors, estimated over 100 groups."""
    network, weight_decay, groups, rows = linear_network(device), 0.1, 100, 200
    feedback = make_feedback(network, "direct/linear")
    trace = network.trace(torch.zeros(rows, WIDTHS[0], dtype=torch.float64, device=device))
    draw = Draw(generator(device))
    for edge in feedback.edges:
        j = jacobian(network, edge.target)
        for optimum, is_stationary in ((weight_decay, True), (0.0, False)):
            q = damped_pseudo_inverse(j, j.shape[1], optimum)
            edge.map.matrix.weight.data = q.clone()
            each = torch.stack(
                [
                    LEARNER.gradients([edge], trace, feedback, [LEARNER.noise(edge, trace, draw)])[0]["matrix.weight"]
                    for _ in range(groups)
                ]
            )
            scores = (each.mean(0) + weight_decay * q) / (each.std(0) / math.sqrt(groups))
            assert (float(scores.abs().max()) < 5) == is_stationary


def generator(device: str) -> torch.Generator:
    return torch.Generator(device).manual_seed(0)
