"""A step that moves nothing: what it would compute, with every weight, buffer and random stream as before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from tpzoo.engine.probe import FeedbackSnapshot, Probe, Snapshot, looks_at_feedback, named_values
from tpzoo.engine.step import Engine


@contextmanager
def at_rest(engine: Engine, streams: bool = True) -> Iterator[None]:
    """While it lasts, steps of ``engine`` compute everything and move no weight; buffers are put back at the end.

    Args:
        streams: the random streams are put back too, so that what comes after draws what it would have drawn.
    """
    steppers = engine.forward_weights, engine.feedback_weights
    buffers = [buffer for module in engine.modules.values() for buffer in module.buffers()]
    kept = [buffer.clone() for buffer in buffers]
    state, seed = engine.streams.state_dict(), engine.network.batch_seed
    engine.forward_weights, engine.feedback_weights = (each.resting() for each in steppers)
    try:
        yield
    finally:
        engine.forward_weights, engine.feedback_weights = steppers
        with torch.no_grad():
            for buffer, value in zip(buffers, kept, strict=True):
                buffer.copy_(value)
        if streams:
            engine.streams.rewind(state)
            engine.network.batch_seed = seed


def measured(
    engine: Engine, probes: Mapping[str, Probe], x: Tensor, y: Tensor, streams: bool = True
) -> dict[str, float]:
    """What probes say of a step on one batch, at rest, by ``probe/name``.

    A rule may step many times in one batch, and so may the maps: of each figure the first counts.

    Args:
        streams: as in :func:`at_rest`.
    """
    found: dict[str, float] = {}
    of_maps = {name: probe for name, probe in probes.items() if looks_at_feedback(probe)}

    def note(name: str, values: Any) -> None:
        for key, value in named_values(name, values).items():
            found.setdefault(key, value)

    def observe(snapshot: Snapshot) -> None:
        for name, probe in probes.items():
            note(name, probe.measure(snapshot))

    def observe_feedback(snapshot: FeedbackSnapshot) -> None:
        for name, probe in of_maps.items():
            note(name, probe.measure_feedback(snapshot))

    with torch.enable_grad(), at_rest(engine, streams):
        engine.train_batch(x, y, None, observe, observe_feedback if of_maps else None)
    return found
