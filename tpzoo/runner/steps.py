"""How the loop makes its training steps: plainly, or on a GPU by replaying a captured CUDA graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tpzoo.engine.context import Order
from tpzoo.engine.step import Engine, Observe, ObserveFeedback

WARM_UP = 3

Step = Callable[..., Tensor]


def step_function(engine: Engine, device: torch.device, cuda_graphs: bool) -> Step:
    """:meth:`Engine.train_batch`, with positional arguments: captured where that is possible, else the engine's own."""
    if not cuda_graphs or device.type != "cuda":
        return engine.train_batch
    if engine.draws:
        warnings.warn("a block draws random numbers (dropout): training steps are not captured", stacklevel=2)
        return engine.train_batch
    return CapturedStep(engine)


class CapturedStep:
    """Replays the engine's training step as a CUDA graph: one launch for a step of hundreds of kernels.

    The first steps run as usual, on a stream of their own, and warm up what a capture must find ready. A step that a
    probe looks at, or whose batch has another size, runs as usual too. A learning rate is part of what is captured:
    when a schedule changes one, the step is captured again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._warm: dict[Any, int] = {}
        self._graph: torch.cuda.CUDAGraph | None = None
        self._captured: Any = None
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._output: Tensor | None = None
        self._refused = False

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        order: Order = "targets_first",
        observe: Observe | None = None,
        observe_feedback: ObserveFeedback | None = None,
    ) -> Tensor:
        """One step; the output it returns is overwritten by the next."""
        key = (x.shape, x.dtype, y.shape, order, self._rates())
        looked_at = observe is not None or observe_feedback is not None
        if looked_at or self._refused or (key != self._captured and not self._ready(key[:-1])):
            return self._plain(x, y, order, observe, observe_feedback)
        if key != self._captured and not self._capture(key, x, y, order):
            return self._plain(x, y, order)
        assert self._graph is not None and self._inputs is not None and self._output is not None
        self._inputs[0].copy_(x)
        self._inputs[1].copy_(y)
        self._graph.replay()
        return self._output

    def _ready(self, key: Any) -> bool:
        self._warm[key] = self._warm.get(key, 0) + 1
        return self._warm[key] > WARM_UP

    def _plain(
        self,
        x: Tensor,
        y: Tensor,
        order: Order,
        observe: Observe | None = None,
        observe_feedback: ObserveFeedback | None = None,
    ) -> Tensor:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            out = self._engine.train_batch(x, y, order, observe, observe_feedback)
        torch.cuda.current_stream().wait_stream(self._stream)
        return out

    def _capture(self, key: Any, x: Tensor, y: Tensor, order: Order) -> bool:
        if self._engine.draws:  # seen in the steps that ran as usual
            self._refused = True
            warnings.warn("something in a step draws random numbers by itself: it is not captured", stacklevel=2)
            return False
        graph = torch.cuda.CUDAGraph()
        for generator in self._engine.streams.generators():
            graph.register_generator_state(generator)
        inputs = (x.clone(), y.clone())
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                output = self._engine.train_batch(*inputs, order)
        except RuntimeError as error:
            self._refused = True
            warnings.warn(
                f"the training step cannot be captured as a CUDA graph and runs plainly: {error}", stacklevel=2
            )
            return False
        self._graph, self._inputs, self._output, self._captured = graph, inputs, output, key
        return True

    def _rates(self) -> tuple[float, ...]:
        optimizers = (self._engine.forward_weights.optimizer, self._engine.feedback_weights.optimizer)
        return tuple(float(group["lr"]) for each in optimizers if each is not None for group in each.param_groups)
