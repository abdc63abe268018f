"""What one node did on one batch, and the two ways of differentiating it.

Plugins see :class:`Pass` only. Behind it stand two backends: :class:`Autograd`, one ``torch.autograd.grad`` call for
all blocks (the default), and :class:`Functional`, ``torch.func.vjp`` for each block, which works under ``vmap``.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tpzoo.engine.block import Activity, Block, SplitBlock

T = TypeVar("T")
Place = Literal["input", "pre"]
Buffers = dict[str, Tensor]
LossCall = Callable[[], tuple[Tensor, list[Tensor]]]
LossResult = tuple[dict[str, Tensor], list[Tensor]]
NO_PRE_ACTIVATION = "this block does not expose its pre-activation (capability pre_activation)"


class Graph(abc.ABC):
    """What a backend keeps of a pass in order to differentiate it."""

    activity: Activity
    buffers: Buffers

    @abc.abstractmethod
    def vjp(self, cotangent: Tensor, at: Place) -> Tensor:
        """As :meth:`Pass.vjp`."""

    @abc.abstractmethod
    def vjp_batched(self, cotangents: Tensor, at: Place) -> Tensor:
        """As :meth:`Pass.vjp_batched`."""

    @abc.abstractmethod
    def parameter_gradients(self, cotangent: Tensor) -> dict[str, Tensor]:
        """As :meth:`Pass.parameter_gradients`."""

    @abc.abstractmethod
    def parameter_gradients_batched(self, cotangents: Tensor) -> dict[str, Tensor]:
        """As :meth:`Pass.parameter_gradients_batched`."""


class Pass:
    """One node on one batch. Made by the engine.

    Attributes:
        name: the node.
        input: what went in, (batch, ...).
        out: what came out, (batch, ...), cut from every graph.
        pre: what the nonlinearity was applied to, or None.
        aux: side data (pool indices, norm statistics).
        seed: what decides the draws of the batch.
    """

    def __init__(
        self, name: str, block: str, x: Tensor, activity: Activity, graph: Graph | None = None, seed: int = 0
    ) -> None:
        self.name = name
        self.block = block
        self.input = x.detach()
        self.out = activity.out.detach()
        self.pre = None if activity.pre is None else activity.pre.detach()
        self.aux = {key: value.detach() for key, value in activity.aux.items()}
        self.graph = graph
        self.seed = seed
        self._memory: dict[Any, Any] = {}

    def memo(self, key: Any, compute: Callable[[], T]) -> T:
        """``compute()`` at the first call with ``key``: for what depends on this pass alone; without a graph."""
        if key not in self._memory:
            with torch.no_grad():
                self._memory[key] = compute()
        found: T = self._memory[key]
        return found

    def vjp(self, cotangent: Tensor, at: Place = "input") -> Tensor:
        """The transposed Jacobian times ``cotangent`` (like ``out``): (batch, ...) like the input.

        ``at="pre"`` stops at the pre-activation: through pool and activation only.
        """
        return self._differentiable().vjp(cotangent, at)

    def vjp_batched(self, cotangents: Tensor, at: Place = "input") -> Tensor:
        """:meth:`vjp` for ``cotangents`` (k, batch, ...): (k, batch, ...). With unit vectors, the Jacobians."""
        return self._differentiable().vjp_batched(cotangents, at)

    def parameter_gradients(self, cotangent: Tensor) -> dict[str, Tensor]:
        """The gradient of <out, cotangent> for every parameter of the block, by ``block.parameter``."""
        return self._differentiable().parameter_gradients(cotangent)

    def parameter_gradients_batched(self, cotangents: Tensor) -> dict[str, Tensor]:
        """:meth:`parameter_gradients` for ``cotangents`` (k, batch, ...): (k, *parameter) by ``block.parameter``."""
        return self._differentiable().parameter_gradients_batched(cotangents)

    def _differentiable(self) -> Graph:
        if self.graph is None:
            raise TypeError(f"the pass of '{self.name}' was made without a graph; use Network.trace or Network.run_at")
        return self.graph


class Backend(abc.ABC):
    """How blocks and losses are differentiated.

    Attributes:
        name: what a config calls it.
        one_graph: :meth:`loss_gradients` also sees what was computed from the parameters before it was called.
    """

    name: str
    one_graph: bool

    @abc.abstractmethod
    def run(self, block_name: str, block: Block, x: Tensor) -> Graph:
        """Run one block on ``x`` (batch, ...) and keep what is needed to differentiate the pass."""

    @abc.abstractmethod
    def gradients(self, graphs: Sequence[tuple[Any, Tensor]]) -> dict[str, Tensor]:
        """The gradient of the sum of <out, cotangent> over pairs (graph, cotangent), by ``block.parameter``."""

    @abc.abstractmethod
    def loss_gradients(self, module: nn.Module, names: Sequence[str], loss: LossCall) -> LossResult:
        """Call ``loss() -> (scalar, other tensors)`` once.

        Returns the gradient of the scalar for the named parameters of ``module``, and the other tensors, cut from the
        graph.
        """


class _Run(nn.Module):
    """Lets ``functional_call`` reach ``Block.run``."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Activity:
        return self.block.run(x)


class _Call(nn.Module):
    """Lets ``functional_call`` reach a closure over ``module``."""

    def __init__(self, module: nn.Module, call: Callable[[], Any]) -> None:
        super().__init__()
        self.module = module
        self._call = call

    def forward(self) -> Any:
        return self._call()


def run_on_copies(
    block: Block, x: Tensor, parameters: Mapping[str, Tensor] | None = None, start: Mapping[str, Tensor] | None = None
) -> tuple[Activity, Buffers]:
    """Run ``block`` with copies of its buffers: the module is untouched, and the moved copies are returned.

    ``start`` takes the place of the module's own buffers.
    """
    buffers = {name: buffer.clone() for name, buffer in (start or block.state_buffers()).items()}
    if not buffers and parameters is None:
        return block.run(x), buffers
    state = {f"block.{name}": value for name, value in {**buffers, **(parameters or {})}.items()}
    return functional_call(_Run(block), state, (x,)), buffers


def select(module: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
    """The named parameters; unlike ``get_parameter`` also those that ``functional_call`` has put in their place."""
    found: dict[str, Tensor] = {}
    for name in names:
        path, _, last = name.rpartition(".")
        found[name] = getattr(module.get_submodule(path), last)
    return found


class AutogradGraph(Graph):
    """The autograd graph of one pass, cut at its input."""

    def __init__(self, block_name: str, block: Block, x: Tensor) -> None:
        self.leaf = x.detach().requires_grad_(x.is_floating_point())
        with torch.enable_grad():
            self.activity, self.buffers = run_on_copies(block, self.leaf)
        self.block_name, self.block = block_name, block

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters that are trained, by ``block.parameter``."""
        return {f"{self.block_name}.{name}": p for name, p in self.block.named_parameters() if p.requires_grad}

    def vjp(self, cotangent: Tensor, at: Place, batched: bool = False) -> Tensor:
        place = self.leaf if at == "input" else self.activity.pre
        if place is None:
            raise TypeError(NO_PRE_ACTIVATION)
        out = self.activity.out
        return torch.autograd.grad(out, place, cotangent, retain_graph=True, is_grads_batched=batched)[0]

    def vjp_batched(self, cotangents: Tensor, at: Place) -> Tensor:
        return self.vjp(cotangents, at, batched=True)

    def parameter_gradients(self, cotangent: Tensor) -> dict[str, Tensor]:
        return AUTOGRAD.gradients([(self, cotangent)])

    def parameter_gradients_batched(self, cotangents: Tensor) -> dict[str, Tensor]:
        out = self.activity.out
        return _grad([out], self.parameters, [cotangents], batched=True) if out.requires_grad else {}


class Autograd(Backend):
    """All blocks in one ``torch.autograd.grad`` call."""

    name = "autograd"
    one_graph = True

    def run(self, block_name: str, block: Block, x: Tensor) -> AutogradGraph:
        return AutogradGraph(block_name, block, x)

    def gradients(self, graphs: Sequence[tuple[AutogradGraph, Tensor]]) -> dict[str, Tensor]:
        # A parameter that several nodes share is listed once: autograd.grad returns the whole sum for each mention.
        parameters = {name: p for graph, _ in graphs for name, p in graph.parameters.items()}
        reached = [(graph.activity.out, cotangent) for graph, cotangent in graphs if graph.activity.out.requires_grad]
        return _grad([out for out, _ in reached], parameters, [cotangent for _, cotangent in reached])

    def loss_gradients(self, module: nn.Module, names: Sequence[str], loss: LossCall) -> LossResult:
        parameters = {name: p for name, p in select(module, names).items() if p.requires_grad}
        with torch.enable_grad():
            value, others = loss()
        found = _grad([value], parameters, None) if value.requires_grad else {}
        return found, [other.detach() for other in others]


def _grad(
    outputs: Sequence[Tensor],
    parameters: Mapping[str, Tensor],
    cotangents: Sequence[Tensor] | None,
    batched: bool = False,
) -> dict[str, Tensor]:
    if not outputs or not parameters:
        return {}
    # A parameter that cancels (a bias in a difference) has the gradient zero, as by subtraction and as by torch.func.
    found = torch.autograd.grad(
        outputs,
        list(parameters.values()),
        cotangents,
        retain_graph=True,
        is_grads_batched=batched,
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(parameters, found, strict=True))


class FunctionalGraph(Graph):
    """The ``torch.func.vjp`` of one pass, in its input and its parameters."""

    def __init__(self, block_name: str, block: Block, x: Tensor) -> None:
        self.block_name, self.block = block_name, block
        parameters = {name: p.detach() for name, p in block.named_parameters()}
        layout: list[Activity] = []

        def run(inputs: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
            activity, buffers = run_on_copies(block, inputs, state)
            layout.append(activity)
            side = [activity.pre] if activity.pre is not None else []
            return activity.out, [*side, *activity.aux.values(), *buffers.values()]

        made: Any = torch.func.vjp(run, x.detach(), parameters, has_aux=True)
        out, self._vjp, side = made
        pre = side.pop(0) if layout[0].pre is not None else None
        self.activity = Activity(out, pre, {key: side.pop(0) for key in layout[0].aux})
        self.buffers = dict(zip((name for name, _ in block.named_buffers()), side, strict=True))

    def vjp(self, cotangent: Tensor, at: Place) -> Tensor:
        if at == "input":
            return self._vjp(cotangent)[0]
        block = self.block
        if self.activity.pre is None or not isinstance(block, SplitBlock):
            raise TypeError(NO_PRE_ACTIVATION)
        if block.draws:
            raise TypeError(f"block '{self.block_name}' draws: only the autograd backend stops at its pre-activation")
        return torch.func.vjp(lambda pre: block.activate(pre).out, self.activity.pre)[1](cotangent)[0]

    def vjp_batched(self, cotangents: Tensor, at: Place) -> Tensor:
        return torch.func.vmap(lambda cotangent: self.vjp(cotangent, at))(cotangents)

    def parameter_gradients(self, cotangent: Tensor) -> dict[str, Tensor]:
        return {f"{self.block_name}.{name}": gradient for name, gradient in self._vjp(cotangent)[1].items()}

    def parameter_gradients_batched(self, cotangents: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = torch.func.vmap(self.parameter_gradients)(cotangents)
        return found


class Functional(Backend):
    """Block by block through ``torch.func``: works under ``vmap``, where ``torch.autograd.grad`` does not."""

    name = "functional"
    one_graph = False

    def run(self, block_name: str, block: Block, x: Tensor) -> FunctionalGraph:
        return FunctionalGraph(block_name, block, x)

    def gradients(self, graphs: Sequence[tuple[FunctionalGraph, Tensor]]) -> dict[str, Tensor]:
        total: dict[str, Tensor] = {}
        for graph, cotangent in graphs:
            for name, gradient in graph.parameter_gradients(cotangent).items():
                total[name] = total[name] + gradient if name in total else gradient
        return total

    def loss_gradients(self, module: nn.Module, names: Sequence[str], loss: LossCall) -> LossResult:
        parameters = {f"module.{name}": p.detach() for name, p in select(module, names).items()}
        call = _Call(module, loss)
        found, others = torch.func.grad(lambda state: functional_call(call, state, ()), has_aux=True)(parameters)
        return {name.removeprefix("module."): gradient for name, gradient in found.items()}, others


AUTOGRAD = Autograd()
FUNCTIONAL = Functional()
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (AUTOGRAD, FUNCTIONAL)}
