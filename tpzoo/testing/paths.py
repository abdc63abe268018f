"""Checks of feedback paths, with the map form that is their default."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.engine import Feedback, Network, Trace
from tpzoo.engine.network import RESERVED
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import toy_batch
from tpzoo.testing.watching import (
    copied,
    fake,
    fake_mode,
    global_generators_rest,
    nothing_changes,
    require_capturable,
    same,
)


def built(record: Record, stage: Stage, dtype: torch.dtype = torch.float64, count: int = 6) -> tuple[Feedback, Trace]:
    """The path on a small network, and a clean pass through it."""
    method = stage.method(record)
    network = stage.network(method.architecture.record, dtype)
    return stage.feedback(record, method.map, network), network.trace(toy_batch(network, count)[0])


def edges_lead_downwards(record: Record, stage: Stage) -> None:
    """Every edge ends at a hidden node and starts at a later one, or at what is known without a pass.

    Sources come before they are needed.
    """
    feedback, trace = built(record, stage)
    network: Network = trace.network
    reached = {trace.last, "output", "error", "label"}
    for edge in feedback.edges:
        require(edge.target in trace.passes, f"edge '{edge.name}' ends at '{edge.target}', which is no node")
        require("." not in edge.name, f"the name of edge '{edge.name}' contains a dot")
        known = edge.source in (*RESERVED, *trace.passes) or edge.source.startswith("edge:")
        require(known, f"edge '{edge.name}' starts at '{edge.source}', which is no node")
        if edge.source in trace.passes:
            later = network.position(edge.source) > network.position(edge.target)
            require(later, f"edge '{edge.name}' goes up, from '{edge.source}' to '{edge.target}'")
            require(edge.source in reached, f"nothing has reached '{edge.source}' when edge '{edge.name}' starts there")
        reached.add(edge.target)


def displacements_fit(record: Record, stage: Stage) -> None:
    """Displacements are like their node's output, for 1 and 5 samples and in both precisions; and finite."""
    for dtype in (torch.float32, torch.float64):
        for count in (1, 5):
            feedback, trace = built(record, stage, dtype, count)
            for node, d in feedback.displacements(trace, _top(trace)).items():
                out = trace[node].out
                shapes = f"{tuple(d.shape)}, not {tuple(out.shape)}"
                require(d.shape == out.shape, f"the displacement at '{node}' has the shape {shapes}")
                require(d.dtype == dtype and d.isfinite().all(), f"the displacement at '{node}' is not finite {dtype}")


def nothing_comes_of_nothing(record: Record, stage: Stage) -> None:
    """No displacement of the output gives none below."""
    feedback, trace = built(record, stage)
    for node, d in feedback.displacements(trace, torch.zeros_like(trace.output)).items():
        require((d == 0).all(), f"the displacement at '{node}' is not zero although the output's is")


def parameters_are_its_own(record: Record, stage: Stage) -> None:
    """No weight of the path is one of the network's."""
    feedback, trace = built(record, stage)
    theirs = {id(p) for p in trace.network.parameters()}
    shared = [name for name, p in feedback.named_parameters() if id(p) in theirs]
    require(not shared, f"these are weights of the network: {', '.join(shared)}")


def state_round_trip(record: Record, stage: Stage) -> None:
    """Another path, built from another seed, does the same once it has the first one's state."""
    method = stage.method(record)
    network = stage.network(method.architecture.record)
    one, two = (stage.feedback(record, method.map, network, seed=seed) for seed in (0, 1))
    two.load_state_dict(copied(one.state_dict()))
    trace = network.trace(toy_batch(network)[0])
    first, second = (each.displacements(trace, _top(trace)) for each in (one, two))
    moved = [node for node in first if not same(first[node], second[node])]
    require(not moved, f"displacements at {', '.join(moved)} depend on something outside the state dict")


def calls_change_nothing(record: Record, stage: Stage) -> None:
    """Sending displacements moves no weight and no buffer; neither that nor building draws from a global generator."""
    with global_generators_rest("building"):
        feedback, trace = built(record, stage)
    with nothing_changes("the path", trace.network, feedback), global_generators_rest("the path"):
        feedback.displacements(trace, _top(trace))


def capturable(record: Record, stage: Stage) -> None:
    """Sending displacements reads no value of a tensor."""
    feedback, trace = built(record, stage)
    network, mode = trace.network, fake_mode()
    x = mode.from_tensor(trace.input)
    fake(mode, network, feedback)

    def call() -> dict[str, Tensor]:
        made = network.trace(x)
        return feedback.displacements(made, made.output)

    require_capturable("the path", mode, call)


def _top(trace: Trace) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return (0.1 * torch.randn(trace.output.shape, generator=generator, dtype=torch.float64)).to(trace.output)


CHECKS = (
    edges_lead_downwards,
    displacements_fit,
    nothing_comes_of_nothing,
    parameters_are_its_own,
    state_round_trip,
    calls_change_nothing,
    capturable,
)
