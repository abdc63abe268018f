"""Random streams: each edge and each step its own noise, of the deviation that was asked for."""

from __future__ import annotations

import pytest
import torch

from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo.engine.draw import Streams
from tpzoo.runner.build import Built, build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    data = write_toy_data(tmp_path_factory.mktemp("toy"))
    overrides = ("feedback=direct", "learner=drl", "rule=dtp", "architecture.hidden=[40,40]", "learner.sigma=[2.0,0.5]")
    return build(toy(data, *overrides, "precision=float64").experiment, catalogue())


def test_edges_and_steps_have_noise_of_their_own(built: Built) -> None:
    engine = built.engine
    trace = engine.network.trace(torch.zeros(16, 16, dtype=torch.float64), update_buffers=False)
    (first,), (second,) = engine.noises(engine.feedback.edges, trace)
    (again,), _ = engine.noises(engine.feedback.edges, trace)
    scaled = [first / 0.5, again / 0.5, second / 2.0]  # all of deviation 1, over 640 numbers
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # independent unit normals: the mean of their product has deviation 1 / sqrt(640), here times five
        assert abs((scaled[one] * scaled[other]).mean().item()) < 5 / 640**0.5
    for each in scaled:
        assert abs(each.std().item() - 1) < 5 / (2 * 640) ** 0.5


def test_the_noise_of_an_edge_does_not_depend_on_who_drew_before(built: Built) -> None:
    alone = Streams(built.engine.streams.seed)
    lead = Streams(built.engine.streams.seed)
    like = torch.zeros(5, dtype=torch.float64)
    lead.draw("noise/fc1").normal(like)
    assert torch.equal(alone.draw("noise/fc2").normal(like), lead.draw("noise/fc2").normal(like))


def test_an_edge_draws_the_same_alone_as_with_the_others(built: Built) -> None:
    engine = built.engine
    trace = engine.network.trace(torch.zeros(16, 16, dtype=torch.float64), update_buffers=False)
    found = []
    for edges in (engine.feedback.edges, engine.feedback.edges[1:]):
        engine.streams = Streams(3)
        found.append(engine.noises(edges, trace)[-1][0])
    assert torch.equal(*found)
