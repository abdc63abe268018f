"""Edges that meet, and the difference that every map has by default, against their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.maps import At, FeedbackMap
from tpzoo.engine.network import Network, Trace
from tpzoo.runner.build import build


class Square(FeedbackMap):
    """g(u) = A u^2: a difference that is not the map of the displacement."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.matrix = nn.Linear(n_in, n_out, dtype=torch.float64)

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.matrix(u.square())


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    data = write_toy_data(tmp_path_factory.mktemp("toy"))
    network: Network = build(toy(data, "rule=bp", "precision=float64").experiment, catalogue()).engine.network
    x = torch.linspace(-1, 1, 7 * 16, dtype=torch.float64).view(7, 16)
    return network.trace(x, update_buffers=False)


def test_the_default_difference_is_at_the_clean_activation(trace: Trace) -> None:
    edge = Edge("fc2", "fc3", "fc2", Square(3, 5))
    u, d = trace["fc3"].out, torch.full((7, 3), 0.3, dtype=torch.float64)
    expected = ((u + d).square() - u.square()) @ edge.map.matrix.weight.T  # type: ignore[operator]
    found = edge.map.difference(d, Feedback([edge]).at(edge, trace))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_displacements_add_where_edges_meet(trace: Trace) -> None:
    maps = {"near": Square(3, 5), "far": Square(5, 6), "skip": Square(3, 6)}
    ends = {"near": ("output", "fc2"), "far": ("fc2", "fc1"), "skip": ("output", "fc1")}
    edges = {name: Edge(name, *ends[name], made) for name, made in maps.items()}
    d = torch.full((7, 3), 0.1, dtype=torch.float64)
    both = Feedback(list(edges.values())).displacements(trace, d)
    chain = Feedback([edges["near"], edges["far"]]).displacements(trace, d)
    skip = Feedback([edges["skip"]]).displacements(trace, d)
    torch.testing.assert_close(both["fc1"], chain["fc1"] + skip["fc1"], rtol=1e-12, atol=1e-14)
    assert both["fc1"].abs().min() > 0
    assert not torch.equal(chain["fc1"], skip["fc1"])


def test_displacements_that_walk_together_arrive_as_they_would_alone(trace: Trace) -> None:
    """Edges that meet, walks of different length in any order, two of the same length, and one that goes nowhere."""
    maps = {"near": Square(3, 5), "far": Square(5, 6), "skip": Square(3, 6)}
    ends = {"near": ("output", "fc2"), "far": ("fc2", "fc1"), "skip": ("output", "fc1")}
    feedback = Feedback([Edge(name, *ends[name], made) for name, made in maps.items()])
    upto = ["fc2", "output", "fc1", "fc3", "fc1"]
    changes = [torch.full((7, 3), 0.1 * (i + 1), dtype=torch.float64) for i in range(len(upto))]
    found = feedback.arrivals(trace, changes, upto)
    for d, node, arrived in zip(changes, upto, found, strict=True):
        torch.testing.assert_close(arrived, feedback.displacement(trace, d, node), rtol=1e-12, atol=1e-14)


def test_maps_at_rest_remember_until_they_move(trace: Trace) -> None:
    edge = Edge("fc2", "fc3", "fc2", Square(3, 5))
    feedback = Feedback([edge])
    d = torch.full((7, 3), 0.3, dtype=torch.float64)
    with feedback.at_rest(trace), torch.no_grad():
        first = feedback.displacements(trace, d)["fc2"]
        edge.map.matrix.weight.mul_(2)  # type: ignore[operator]
        stale = feedback.displacements(trace, d)["fc2"]
        feedback.moved()
        fresh = feedback.displacements(trace, d)["fc2"]
        other = Feedback([edge]).displacements(trace, d)["fc2"]
    assert torch.equal(fresh, other)
    assert not torch.allclose(stale, fresh)
    assert not torch.allclose(first, fresh)
    assert feedback.memory(trace) == {}
