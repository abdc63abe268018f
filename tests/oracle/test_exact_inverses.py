"""With exact inverses on the edges, tp and dtp give exact targets and nothing is left to reconstruct.

If it fails: target propagation would miss its targets even with perfect feedback: no statement about the quality of
learned inverses could be made.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.support.blocks import Layer, make_batch
from tests.support.parts import make_feedback, make_objective
from tpzoo import At, Draw, Ends, FeedbackMap, Network, PerName, Rule
from tpzoo.zoo.learners.plugin import ReconstructionSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction
from tpzoo.zoo.rules.dtp import DTP
from tpzoo.zoo.rules.tp import TP

WIDTH = 3


class Inverse(FeedbackMap):
    """g = F^-1 of one square layer; ``difference`` is the default, a subtraction."""

    def __init__(self, ends: Ends) -> None:
        super().__init__()
        (block,) = ends.blocks
        assert isinstance(block, Layer)
        # Not a submodule: the map must have no weights of its own.
        self.layer = [block]

    def forward(self, u: Tensor, at: At) -> Tensor:
        layer = self.layer[0]
        name = type(layer.nonlinearity).__name__
        pre = {"Linear": lambda: u, "Tanh": u.atanh, "LeakyRelu": lambda: torch.where(u > 0, u, u / 0.2)}[name]()
        return torch.linalg.solve(layer.linear.weight, (pre - layer.linear.bias).T).T


def square_network(nonlinearity: str, device: str) -> Network:
    """Four square layers, the last linear, with weights whose condition number is at most 1.5 / 0.5."""
    generator = torch.Generator().manual_seed(3)
    blocks = {f"fc{i}": Layer(WIDTH, WIDTH, nonlinearity if i < 4 else "linear") for i in (1, 2, 3, 4)}
    network = Network(blocks, (WIDTH,)).double()
    for block in blocks.values():
        left, _, right = torch.linalg.svd(torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64))
        values = 0.5 + torch.rand(WIDTH, generator=generator, dtype=torch.float64)
        block.linear.weight.data = left @ torch.diag(values) @ right
        nn.init.constant_(block.linear.bias, 0.05)
    return network.to(device)


@pytest.mark.parametrize("rule", [TP(), DTP()], ids=["tp", "dtp"])
@pytest.mark.parametrize("nonlinearity", ["tanh", "leaky_relu", "linear"])
def test_every_block_maps_its_target_below_to_its_own_target(nonlinearity: str, rule: Rule, device: str) -> None:
    """t_{l-1} = F_l^-1(t_l) means F_l(t_{l-1}) = t_l, which asks the forward network only."""
    network = square_network(nonlinearity, device)
    feedback = make_feedback(network, "layerwise", make_map=Inverse)
    x, y = make_batch(network)
    trace, batch = network.trace(x), make_objective(x, y, step_size=0.05)
    found = rule.displacements(trace, feedback, batch, Draw(torch.Generator()))
    found = {node: d.detach() for node, d in found.items()}
    targets = {node: trace[node].out + d for node, d in found.items()}
    assert targets.keys() == {"fc1", "fc2", "fc3", "fc4"}
    for lower, upper in (("fc1", "fc2"), ("fc2", "fc3"), ("fc3", "fc4")):
        reached = network.run_at(upper, targets[lower]).out
        torch.testing.assert_close(reached, targets[upper], rtol=0, atol=1e-13)
        assert float(found[lower].abs().max()) > 1e3 * 1e-13  # not because nothing moved
    expected = -0.05 * batch.error(trace.output)
    torch.testing.assert_close(targets["fc4"] - trace.output, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("target", ["noisy", "clean"])
def test_nothing_is_left_to_reconstruct(target: str, device: str) -> None:
    network = square_network("leaky_relu", device)
    feedback = make_feedback(network, "layerwise", make_map=Inverse)
    trace = network.trace(make_batch(network)[0])
    sigma = 0.5
    learner = Reconstruction(ReconstructionSettings(sigma=PerName(sigma), target=target, scale="none"))
    for edge in feedback.edges:
        noise = learner.noise(edge, trace, Draw(torch.Generator(device).manual_seed(0)))
        loss = float(learner.loss(edge, trace, feedback, noise).detach())
        # The noisy activity comes back exactly; against the clean one, what remains is the noise itself.
        expected = 0.0 if target == "noisy" else float(noise[0].square().mean())
        assert abs(loss - expected) < 1e-26 + 1e-12 * expected
