"""Edges, the maps on them, and the path that displacements take down them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from tpzoo.engine.block import Block
from tpzoo.engine.maps import At, FeedbackMap, differences
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.passes import AUTOGRAD, Backend
from tpzoo.engine.twin import TwinLayer
from tpzoo.errors import SettingError

M = TypeVar("M", bound=nn.Module)
MakeTwin = Callable[[nn.Module, tuple[int, ...], tuple[int, ...], Any], TwinLayer]


@dataclass(frozen=True, eq=False)
class Shared(Generic[M]):
    """A module that several maps use, as a map may keep it: an attribute that holds it makes it no part of the map."""

    module: M


class SharedModules:
    """What the maps of one feedback path share, by key; the path saves it once, and nothing trains it."""

    def __init__(self) -> None:
        self.modules: dict[str, nn.Module] = {}

    def __call__(self, key: str, make: Callable[[], M]) -> Shared[M]:
        """The module of that key, made by the first map that asks for it."""
        if key not in self.modules:
            self.modules[key] = make()
        found: Any = self.modules[key]
        return Shared(found)


@dataclass(frozen=True)
class Ends:
    """What a map form is told about the edge that it will sit on.

    Attributes:
        name: the edge's name, which settings by edge address.
        source, target: the nodes it connects.
        source_shape, target_shape: shapes of one sample at both ends.
        blocks: the blocks between target and source, in forward order: what the map inverts.
        block_names: their names.
        make_twin: builds the twin of a block: ``make_twin(block, shape_in, shape_out, settings)``.
        share: ``share(key, make)`` gives all maps of the path that ask for ``key`` (without dots) the same module, as
            a :class:`Shared`. It is made once, saved once, and its weights, best registered as buffers, never train.
    """

    name: str
    source: str
    target: str
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    blocks: tuple[Block, ...]
    block_names: tuple[str, ...]
    make_twin: MakeTwin
    share: SharedModules = field(default_factory=SharedModules)


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge from ``source`` to ``target`` with a map on it.

    Attributes:
        name: what settings by edge address: the target's name; a second edge to one node has another (``fc1_skip``).
        source: a node, ``output``, ``error``, ``label``, or ``edge:NAME`` (a chain that starts at the label).
        target: the node that it reaches, whose displacement it gives.
        shared: the modules that the maps of the path share, by key.
        blocks: the names of the blocks between target and source, in forward order: what the map inverts.
    """

    name: str
    source: str
    target: str
    map: FeedbackMap
    shared: Mapping[str, nn.Module] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()


class Feedback(nn.Module):
    """The edges, in the order in which displacements flow, and what their maps share.

    Attributes:
        maps: by the names of their edges.
        shared: the modules that several maps use (random features), by key. They are saved with the maps, and never
            trained.
        sent: where it is set, it sees what each map sends: the edge, the displacement, where the map stands, and
            whether it is a stack of several.

    Args:
        edges: top first. Every edge has a name of its own. What their maps share comes with them.
    """

    def __init__(self, edges: Sequence[Edge]) -> None:
        super().__init__()
        self.edges = tuple(edges)
        self.maps = nn.ModuleDict({edge.name: edge.map for edge in edges})
        self._names = {edge.name: [f"{edge.name}.{name}" for name, _ in edge.map.named_parameters()] for edge in edges}
        self.shared = nn.ModuleDict({key: each for edge in edges for key, each in edge.shared.items()})
        self.backend: Backend = AUTOGRAD
        self.sent: Sent | None = None
        self._kept: tuple[Trace, dict[Any, Any]] | None = None
        if len(self.maps) != len(self.edges):
            raise SettingError("two feedback edges have the same name")

    def names(self, network: Network) -> list[str]:
        """The names of the edges from input to output, as settings by edge list them; ``edges`` runs the other way."""
        upwards = sorted(reversed(self.edges), key=lambda edge: network.position(edge.target))
        return [edge.name for edge in upwards]

    def edge(self, name: str) -> Edge:
        """The edge of that name.

        Raises:
            SettingError: there is none.
        """
        found = next((edge for edge in self.edges if edge.name == name), None)
        if found is None:
            known = ", ".join(edge.name for edge in self.edges) or "none"
            raise SettingError(f"there is no feedback edge '{name}'", f"there are: {known}")
        return found

    def at(self, edge: Edge, trace: Trace, label: Tensor | None = None, memory: dict[Any, Any] | None = None) -> At:
        """Where ``edge``'s map is evaluated on the clean pass; edges with one ``memory`` share what they remember."""
        source = trace[edge.source] if edge.source == "output" or edge.source in trace.passes else None
        return At(source, trace[edge.target], label, memory)

    def memory(self, trace: Trace) -> dict[Any, Any]:
        """What edges share in a phase: empty, or what was remembered since the maps came to rest on ``trace``."""
        return self._kept[1] if self._kept is not None and self._kept[0] is trace else {}

    @contextmanager
    def at_rest(self, trace: Trace) -> Iterator[None]:
        """Phases in this block remember together what the maps make of ``trace``, until :meth:`moved` is called.

        Only with a backend that can differentiate what was computed before a gradient was asked for.
        """
        self._kept = (trace, {}) if self.backend.one_graph else None
        try:
            yield
        finally:
            self._kept = None

    def moved(self) -> None:
        """Forget what the maps made of any trace. The engine calls it before each step of their weights."""
        self._kept = None

    def values(self) -> dict[str, Tensor]:
        """Copies of all weights and buffers, for :meth:`put_back`."""
        return {name: value.detach().clone() for name, value in self.state_dict().items()}

    @contextmanager
    def put_back(self, values: Mapping[str, Tensor] | None) -> Iterator[None]:
        """In this block the weights and buffers are ``values``, then again what they were before, to the bit.

        None changes nothing.
        """
        own = self.state_dict() if values is not None else {}
        moved = {name: value.clone() for name, value in own.items() if not torch.equal(value, (values or {})[name])}
        if values is None or not moved:
            yield
            return
        kept, self._kept = self._kept, None  # what was remembered of the maps is not of these values
        _copy(values, own, moved)
        try:
            yield
        finally:
            _copy(moved, own, moved)
            self._kept = kept

    def displacements(
        self, trace: Trace, d_output: Tensor, label: Tensor | None = None, upto: str | None = None
    ) -> dict[str, Tensor]:
        """d by node, from the output's d_L (batch, ...) down every edge; all that is needed for ``upto`` if given."""
        return self.sweep(trace, d_output, lambda edge, d, at: edge.map.difference(d, at), label, upto)

    def sweep(
        self,
        trace: Trace,
        d_output: Tensor,
        send: Callable[[Edge, Tensor, At], Tensor],
        label: Tensor | None = None,
        upto: str | None = None,
    ) -> dict[str, Tensor]:
        """Walk down the edges with what ``send`` makes of the displacement at an edge's source: a value by node.

        Where several edges have one target, what they send adds.

        Args:
            d_output: what the output starts with, (batch, ...).
            send: from (edge, displacement at its source, where its map stands) to what its target gets.
            upto: a node; edges that do not lead to it are left out.
        """
        found: dict[str, Tensor] = {trace.last: d_output}
        memory = self.memory(trace)
        for edge in self._leading_to(upto, trace.last):
            at = self.at(edge, trace, label, memory)
            sent = send(edge, found[at.source.name if at.source else edge.source], at)
            if self.sent is not None:
                self.sent(edge, sent, at, False)
            found[edge.target] = found[edge.target] + sent if edge.target in found else sent
        return found

    def displacement(self, trace: Trace, d_output: Tensor, upto: str) -> Tensor:
        """d at node ``upto``, through the chain of edges from the output down to it."""
        return self.displacements(trace, d_output, upto=upto)[trace.last if upto == "output" else upto]

    def arrivals(
        self, trace: Trace, d_outputs: Sequence[Tensor], upto: Sequence[str], memory: dict[Any, Any] | None = None
    ) -> list[Tensor]:
        """:meth:`displacement` for several ``(d_output, upto)`` at once.

        One walk down the edges: every map gets all displacements that have to pass it in one call.
        """
        paths = [self._leading_to(node, trace.last) for node in upto]
        if not any(paths):
            return list(d_outputs)
        memory = self.memory(trace) if memory is None else memory
        # Who goes furthest stands first: on a chain, those that go on are then a slice.
        order = sorted(range(len(paths)), key=lambda i: -len(paths[i]))
        found = {trace.last: _Stack(order, torch.stack([d_outputs[i] for i in order]))}
        for edge in self.edges:
            if going := [i for i in order if edge in paths[i]]:
                at = self.at(edge, trace, memory=memory)
                sent = differences(edge.map, found[at.source.name if at.source else edge.source].take(going), at)
                if self.sent is not None:
                    self.sent(edge, sent, at, True)
                met = found[edge.target].rows + sent if edge.target in found else sent
                found[edge.target] = _Stack(going, met)
        names = [trace.last if node == "output" else node for node in upto]
        return [found[name].take([i])[0] for i, name in enumerate(names)]

    def _leading_to(self, upto: str | None, last: str) -> list[Edge]:
        if upto is None:
            return list(self.edges)
        needed, chosen = {upto}, []
        for edge in reversed(self.edges):
            if edge.target in needed:
                chosen.append(edge)
                needed.add(last if edge.source == "output" else edge.source)
        return chosen[::-1]

    def gradients(self, edges: Sequence[Edge], loss: Callable[[], Tensor]) -> list[dict[str, Tensor]]:
        """The gradient of the scalar ``loss()`` with respect to the maps of ``edges``, a dict for each edge."""
        names = [name for edge in edges for name in self._names[edge.name]]
        found, _ = self.backend.loss_gradients(self.maps, names, lambda: (loss(), []))
        return [_of_edge(found, edge.name) for edge in edges]


@torch.no_grad()
def _copy(values: Mapping[str, Tensor], into: Mapping[str, Tensor], names: Iterable[str]) -> None:
    for name in names:
        into[name].copy_(values[name])


@dataclass(frozen=True)
class _Stack:
    """Displacements of one node: ``rows`` (k, batch, ...), those of the walks ``members``."""

    members: list[int]
    rows: Tensor

    def take(self, wanted: list[int]) -> Tensor:
        """The rows of some members, in their order; without a copy where they are the first ones."""
        if self.members[: len(wanted)] == wanted:
            return self.rows[: len(wanted)]
        return torch.stack([self.rows[self.members.index(i)] for i in wanted])


def _of_edge(gradients: dict[str, Tensor], edge: str) -> dict[str, Tensor]:
    prefix = f"{edge}."
    return {name.removeprefix(prefix): value for name, value in gradients.items() if name.startswith(prefix)}


Connect = Callable[[str, str, str], Edge]
Sent = Callable[[Edge, Any, At, bool], None]


def no_twins(layer: nn.Module, shape_in: tuple[int, ...], shape_out: tuple[int, ...], settings: Any) -> TwinLayer:
    """For maps that mirror nothing."""
    raise SettingError(f"no twins are known here; there is none for {type(layer).__name__}")


def connector(network: Network, make: Callable[[Ends], FeedbackMap], make_twin: MakeTwin = no_twins) -> Connect:
    """``connect(name, source, target) -> Edge``: what a feedback path uses to put maps on its edges."""
    shapes, share = network.shapes, SharedModules()

    def connect(name: str, source: str, target: str) -> Edge:
        first, last = network.position(target) + 1, network.position(source) + 1
        nodes = network.nodes[first:last]
        blocks, names = tuple(map(network.block_of, nodes)), tuple(node.block for node in nodes)
        at = {**shapes, "output": shapes[network.nodes[-1].name]}
        ends = Ends(name, source, target, at[source], at[target], blocks, names, make_twin, share)
        return Edge(name, source, target, make(ends), share.modules, names)

    return connect
