"""A chain of nodes over blocks, and the passes through it: the training pass, noise passes, single nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from tpzoo.engine.block import Activity, Block
from tpzoo.engine.draw import stream_seed, under_seed
from tpzoo.engine.passes import AUTOGRAD, Backend, Buffers, Pass, run_on_copies
from tpzoo.errors import SettingError

T = TypeVar("T")
UNSEEDED = nullcontext()
RESERVED = ("input", "output", "error", "label")


@dataclass(frozen=True)
class Node:
    """A place in the chain. Several nodes may use one block (an unrolled recurrence)."""

    name: str
    block: str


class Trace:
    """One batch through the whole network, cut at every block boundary: one :class:`Pass` for each node."""

    def __init__(self, network: Network, x: Tensor, passes: Mapping[str, Pass]) -> None:
        self.network = network
        self.input = x
        self.passes = dict(passes)
        self.last = next(reversed(self.passes))
        self._memory: dict[Any, Any] = {}

    def memo(self, key: Any, compute: Callable[[], T]) -> T:
        """``compute()`` at the first call with ``key``: for what depends on this trace alone."""
        if key not in self._memory:
            self._memory[key] = compute()
        found: T = self._memory[key]
        return found

    def __getitem__(self, node: str) -> Pass:
        return self.passes[self.last if node == "output" else node]

    @property
    def output(self) -> Tensor:
        """The network's output, (batch, ...)."""
        return self.passes[self.last].out

    @property
    def batch_size(self) -> int:
        """The number of samples."""
        return self.input.shape[0]

    def pulled_back(self, cotangent: Tensor, batched: bool = False) -> dict[str, Tensor]:
        """A cotangent of the output at every node: one sweep of vector-Jacobian products from the output down.

        Args:
            cotangent: like the output (batch, ...), or with ``batched`` (k, batch, ...).

        Returns:
            By node, in the order of the sweep, like each node's output; with ``batched`` (k, batch, ...).
        """
        nodes, found = list(self.passes), {self.last: cotangent}
        for lower, upper in zip(nodes[-2::-1], nodes[:0:-1], strict=True):
            pull = self[upper].vjp_batched if batched else self[upper].vjp
            found[lower] = pull(found[upper])
        return found

    def parameter_gradients(self, cotangents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The sum over nodes of the gradients of <out, cotangent>, by ``block.parameter``, in one call.

        Nodes that are left out are not trained. A block that several nodes share gets the sum of their gradients.
        """
        return self.network.backend.gradients(
            [(self[node]._differentiable(), value) for node, value in cotangents.items()]
        )


class Network(nn.Module):
    """Blocks and the order in which nodes use them.

    Attributes:
        batch_seed: what decides the draws of blocks that draw, beside the name of the node; the engine sets it for
            each batch.

    Args:
        blocks: every block once, by name. Names contain no dots.
        input_shape: the shape of one sample.
        nodes: the chain; default one node for each block, in order.

    Raises:
        SettingError: a name is reserved or contains a dot, or a node names no block.
    """

    def __init__(
        self, blocks: Mapping[str, Block], input_shape: Sequence[int], nodes: Sequence[Node] | None = None
    ) -> None:
        super().__init__()
        _check_names([*blocks, *(node.name for node in nodes or ())])
        self.blocks = nn.ModuleDict(dict(blocks))
        self.nodes = tuple(nodes) if nodes else tuple(Node(name, name) for name in blocks)
        self.input_shape = tuple(input_shape)
        self.backend: Backend = AUTOGRAD
        self.batch_seed = 0
        self._positions = {"input": -1, **{node.name: i for i, node in enumerate(self.nodes)}}
        if unknown := [node.block for node in self.nodes if node.block not in self.blocks]:
            raise SettingError(f"nodes use blocks that do not exist: {', '.join(unknown)}")
        if len({id(p) for p in self.blocks.parameters()}) != sum(len(list(b.parameters())) for b in blocks.values()):
            raise SettingError("two blocks share a parameter", "let several nodes use one block instead")
        if len(self._positions) != len(self.nodes) + 1 or not self.nodes:
            raise SettingError("a network needs at least one node, and every node a name of its own")

    def forward(self, x: Tensor) -> Tensor:
        """The output for ``x`` (batch, *input_shape), as one connected graph."""
        for node in self.nodes:
            with self._seeded(node, x):
                x = self.block_of(node)(x)
        return x

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, x: Tensor) -> Tensor:
            """The output for ``x`` (batch, *input_shape)."""

    def block_of(self, node: Node) -> Block:
        """The block that a node uses."""
        return self.blocks[node.block]  # type: ignore[return-value]

    def position(self, node: str) -> int:
        """The place of a node in the chain: -1 for ``input``, the last for ``output``."""
        return len(self.nodes) - 1 if node == "output" else self._positions[node]

    def trace(self, x: Tensor, update_buffers: bool = True, graph: bool = True) -> Trace:
        """Run ``x`` (batch, *input_shape) through every node, cut at every boundary.

        Args:
            update_buffers: let running statistics move. No other method moves them.
            graph: whether the passes can be differentiated.
        """
        passes, h = {}, x
        for node in self.nodes:
            passes[node.name] = self._run(node, h, graph, update_buffers)
            h = passes[node.name].out
        return Trace(self, x, passes)

    def run_at(self, node: str, h: Tensor) -> Pass:
        """One node on any input ``h``, with ``vjp``; no buffer is moved."""
        return self._run(self.nodes[self.position(node)], h, graph=True, update_buffers=False)

    def push(self, h: Tensor, after: str, upto: str) -> Pass:
        """The pass of node ``upto`` when node ``after`` has the value ``h``; no graph, no buffer moved.

        Raises:
            ValueError: ``upto`` does not come after ``after``.
        """
        for node in self._between(after, upto):
            made = self._run(node, h, graph=False, update_buffers=False)
            h = made.out
        return made

    def push_together(self, starts: Sequence[tuple[Tensor, str]], upto: str) -> list[Pass]:
        """:meth:`push` for several ``(h, after)`` at once, joining the stack of rows where each begins.

        Where a block is not row-independent, the passes are made one by one.
        """
        if len(starts) == 1:
            return [self.push(*starts[0], upto)]
        order = sorted(range(len(starts)), key=lambda i: self.position(starts[i][1]))
        path = self._between(starts[order[0]][1], upto)
        if not all(self.block_of(node).row_independent for node in path):
            return [self.push(h, after, upto) for h, after in starts]
        self._between(starts[order[-1]][1], upto)
        entering = {start: [starts[i][0] for i in order if starts[i][1] == start] for _, start in starts}
        rows = torch.cat(entering.pop(starts[order[0]][1]))
        for node in path:
            made = self._run(node, rows, graph=False, update_buffers=False)
            joining = entering.pop(node.name, [])
            rows = torch.cat([made.out, *joining]) if joining else made.out
        return _split(made, [starts[i][0].shape[0] for i in order], order)

    def loss_gradients(
        self, x: Tensor, error: Callable[[Tensor], Tensor], update_buffers: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Backpropagation, end to end: the output, and the gradient of the mean loss by ``block.parameter``.

        Args:
            error: from the output (batch, ...) the gradient of the loss for each sample, same shape.
            update_buffers: let running statistics move (the training pass of rule ``bp``).
        """

        def surrogate() -> tuple[Tensor, list[Tensor]]:
            out, moved = self._connected(x)
            layout.extend((block, name) for block in moved for name in moved[block])
            # <out, error / batch> has the gradient of the mean loss; the error itself is held constant.
            value = (out * (error(out.detach()) / x.shape[0])).sum()
            return value, [out, *(buffer for of_block in moved.values() for buffer in of_block.values())]

        layout: list[tuple[str, str]] = []
        names = [name for name, _ in self.blocks.named_parameters()]
        gradients, (out, *buffers) = self.backend.loss_gradients(self.blocks, names, surrogate)
        for (block, name), buffer in zip(layout, buffers, strict=True):
            self._put_back(block, {name: buffer}, update_buffers)
        return out, gradients

    def _connected(self, x: Tensor) -> tuple[Tensor, dict[str, Buffers]]:
        """The output as one graph, and the moved buffers by block; nodes that share a block move them in turn."""
        moved: dict[str, Buffers] = {}
        for node in self.nodes:
            with self._seeded(node, x):
                activity, moved[node.block] = run_on_copies(self.block_of(node), x, start=moved.get(node.block))
            x = activity.out
        return x, moved

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one sample at ``input`` and after every node, found by one pass in evaluation mode."""
        reference = next(self.parameters(), torch.empty(0))
        training, x = self.training, reference.new_zeros(2, *self.input_shape)
        self.eval()
        try:
            trace = self.trace(x, update_buffers=False, graph=False)
        finally:
            self.train(training)
        return {"input": self.input_shape, **{name: tuple(made.out.shape[1:]) for name, made in trace.passes.items()}}

    def _between(self, after: str, upto: str) -> tuple[Node, ...]:
        first, last = self.position(after) + 1, self.position(upto) + 1
        if first >= last:
            raise ValueError(f"node '{upto}' does not come after '{after}'")
        return self.nodes[first:last]

    def _run(self, node: Node, h: Tensor, graph: bool, update_buffers: bool) -> Pass:
        block = self.block_of(node)
        if graph:
            with self._seeded(node, h):
                made = self.backend.run(node.block, block, h)
            self._put_back(node.block, made.buffers, update_buffers)
            return Pass(node.name, node.block, h, made.activity, made, self.batch_seed)
        with torch.no_grad(), self._seeded(node, h):
            activity, moved = run_on_copies(block, h)
        self._put_back(node.block, moved, update_buffers)
        return Pass(node.name, node.block, h, activity, seed=self.batch_seed)

    def _seeded(self, node: Node, x: Tensor) -> AbstractContextManager[None]:
        """Where a block draws, the seed of this batch and this node."""
        if not self.block_of(node).draws:
            return UNSEEDED
        return under_seed(stream_seed(self.batch_seed, node.name), x.device)

    def _put_back(self, block: str, moved: Mapping[str, Tensor], update_buffers: bool) -> None:
        if not (moved and update_buffers and self.training):
            return
        buffers = dict(self.blocks[block].named_buffers())
        with torch.no_grad():
            for name, value in moved.items():
                buffers[name].copy_(value)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name in RESERVED or "." in name or not name:
            raise SettingError(f"'{name}' cannot name a block or node", f"use a name without dots, not {RESERVED}")


def _split(made: Pass, sizes: list[int], order: list[int]) -> list[Pass]:
    fields = {"out": made.out, **({"pre": made.pre} if made.pre is not None else {})}
    pieces = {key: torch.split(value, sizes) for key, value in fields.items()}
    aux = {key: torch.split(value, sizes) for key, value in made.aux.items()}
    inputs = torch.split(made.input, sizes)
    found: dict[int, Pass] = {}
    for k, i in enumerate(order):
        activity = Activity(
            pieces["out"][k],
            pieces["pre"][k] if "pre" in pieces else None,
            {key: value[k] for key, value in aux.items()},
        )
        found[i] = Pass(made.name, made.block, inputs[k], activity)
    return [found[i] for i in range(len(order))]


def drawn_at(made: Pass, node: str) -> AbstractContextManager[None]:
    """While it lasts, modules draw what they drew at ``node`` in the batch of the pass ``made``."""
    return under_seed(stream_seed(made.seed, node), made.out.device)
