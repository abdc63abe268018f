"""Edges are named by the node that they reach, and know the blocks that they invert."""

from __future__ import annotations

import pytest
import torch

from tests.support.blocks import make_batch, make_network
from tests.support.old_streams import old_name, old_streams
from tests.support.parts import MAPS, make_engine, make_feedback
from tpzoo import CompatibilityError, Feedback
from tpzoo.engine import Ends, connector
from tpzoo.zoo.feedback import mirror
from tpzoo.zoo.feedback.plugin import MirrorSettings

LAYERWISE = [("fc3", "head", "fc3", ("head",)), ("fc2", "fc3", "fc2", ("fc3",)), ("fc1", "fc2", "fc1", ("fc2",))]
DIRECT = [("fc3", "output", "fc3", ("head",)), ("fc2", "output", "fc2", ("fc3", "head"))]
DIRECT += [("fc1", "output", "fc1", ("fc2", "fc3", "head"))]
UNROLLED = [("cell2", "head", "cell2", ("head",)), ("cell1", "cell2", "cell1", ("cell",))]
UNROLLED += [("stem", "cell1", "stem", ("cell",))]


@pytest.mark.parametrize(
    ("network", "path", "expected"),
    [
        ("mlp", "layerwise/dense", LAYERWISE),
        ("mlp", "tied", LAYERWISE),
        ("mlp", "direct/linear", DIRECT),
        ("shared", "layerwise/dense", UNROLLED),
        ("shared", "tied", UNROLLED),
    ],
)
def test_an_edge_has_the_name_of_its_target(
    network: str, path: str, expected: list[tuple[str, str, str, tuple[str, ...]]]
) -> None:
    """Top first, as displacements flow; settings by edge list the same names from input to output."""
    made = make_network(network, "cpu")
    feedback = make_feedback(made, path)
    assert [(edge.name, edge.source, edge.target, edge.blocks) for edge in feedback.edges] == expected
    assert feedback.names(made) == [name for name, *_ in reversed(expected)]


def test_a_map_is_told_the_names_of_the_blocks_it_inverts() -> None:
    network, seen = make_network("mlp", "cpu"), {}

    def make_map(ends: Ends) -> torch.nn.Module:
        seen[ends.name] = (ends.block_names, tuple(network.blocks[name] for name in ends.block_names) == ends.blocks)
        return MAPS["linear"](ends)

    make_feedback(network, "direct", make_map=make_map)  # type: ignore[arg-type]
    assert seen == {name: (blocks, True) for name, _, _, blocks in DIRECT}


def test_edges_into_one_node_are_listed_with_the_input_first_whatever_their_order() -> None:
    network = make_network("mlp", "cpu")
    connect = connector(network, MAPS["linear"])
    ends = {"fc3": ("output", "fc3"), "fc1_skip": ("fc3", "fc1"), "fc2": ("fc3", "fc2"), "fc1": ("fc2", "fc1")}
    feedback = Feedback([connect(name, *ends[name]) for name in ends])
    assert feedback.names(network) == ["fc1", "fc1_skip", "fc2", "fc3"]
    assert feedback.edge("fc1_skip").blocks == ("fc2", "fc3")


def test_a_mirror_names_the_blocks_that_it_cannot_invert() -> None:
    connect = connector(make_network("mlp", "cpu"), lambda ends: mirror.build(MirrorSettings(), ends))
    with pytest.raises(CompatibilityError, match="edge 'fc2' spans 2: fc3, head"):
        connect("fc2", "output", "fc2")


def test_old_streams_draw_what_was_drawn_under_the_old_names() -> None:
    """A layerwise edge had the name of its source; a direct one has kept its name."""
    for path in ("layerwise/dense", "direct/linear"):
        with old_streams():
            engine = make_engine("mlp", path=path)
        again = make_engine("mlp", path=path)
        trace = engine.network.trace(make_batch(engine.network)[0])
        found = engine.noises(engine.feedback.edges, trace)
        for edge, (noise,) in zip(engine.feedback.edges, found, strict=True):
            (expected,) = again.learner.noise(edge, trace, again.streams.draw(f"noise/{old_name(edge)}"))
            assert torch.equal(noise, expected)
    assert [old_name(edge) for edge in make_engine("mlp").feedback.edges] == ["head", "fc3", "fc2"]
    assert [old_name(edge) for edge in engine.feedback.edges] == ["fc3", "fc2", "fc1"]
