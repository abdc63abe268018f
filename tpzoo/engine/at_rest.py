"""A step that moves nothing: what it would compute, with every weight, buffer and random stream as before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

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
