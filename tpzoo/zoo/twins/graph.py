"""The twin of code: branches, skips, gates and attention, from the traced graph of a block or of a module.

The graph is walked backwards. What a layer made goes through the layer's own twin, what code made through the transpose
of that code (``linear_code``), and where a value was used several times what comes back is added, as the twin of a
residual unit does. Two values that depend on the input and are multiplied are a gate and what it gates, or an attention
matrix and its values: the gate of the clean pass is held fixed, and what comes back goes through it to the other one
alone. A parameter that code multiplies with, such as a layer scale, has a twin of its own.

This is tpzoo's own, and published nowhere: with the layers' weights transposed, what comes back through a gating layer
is its vector-Jacobian product with the gates held fixed. The Jacobian that L-DRL fits the mirror to has the gates'
derivatives too, so its least is near the transposed weights, not at them.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, fx, nn

from tpzoo import Side, TwinLayer, inner, node_values
from tpzoo.errors import UnknownComponentError
from tpzoo.zoo.twins.back import Pass, sends

Moving = tuple[Tensor, Tensor | None]
"""A value on its way back, and the displacement beside it, if one is asked for."""


@final
class GraphTwin(TwinLayer):
    """From the output of traced code back to its input.

    Args:
        code: the traced code; its modules are looked at, never held.
        twins: by the name of the node that calls it, the twin of each layer that anything comes back to.
        scales: the parameters that code multiplies with, by their names there, with ``/`` for a dot.
        carrying: the names of the nodes whose values depend on the input's.
        prefix: what stands before the names of its weights in the layer that it is of.
    """

    holds = True

    def __init__(
        self,
        code: fx.GraphModule,
        twins: dict[str, TwinLayer],
        scales: dict[str, Tensor],
        carrying: frozenset[str],
        prefix: str,
    ) -> None:
        super().__init__()
        self._code = (code,)
        self._carrying = carrying
        self._prefix = prefix
        self.twins = nn.ModuleDict(twins)
        self.scales = nn.ParameterDict({name: nn.Parameter(value.detach().clone()) for name, value in scales.items()})

    def hold(self, x: Tensor) -> dict[str, Any]:
        values = node_values(self._code[0], x)
        kept: dict[str, Any] = {"values": {node.name: value for node, value in values.items()}}
        for node in values:
            if node.name in self.twins:
                twin: Any = self.twins[node.name]
                of_layer = twin.hold(values[node.args[0]]) if twin.holds else {}  # type: ignore[index]
                kept |= {f"{node.name}.{key}": value for key, value in of_layer.items()}
        return kept

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self._walk(v, None, side)[0]

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        moved = self._walk(v, d, side)[1]
        assert moved is not None
        return moved

    def mirrored(self) -> dict[str, Tensor]:
        targets = {node.name: node.target for node in self._code[0].graph.nodes if node.op == "call_module"}
        found: dict[str, Tensor] = {}
        for name, layer_twin in self.twins.items():
            twin: Any = layer_twin
            if name in targets:  # and not a function that is a layer
                found |= {f"{self._prefix}{targets[name]}.{key}": value for key, value in twin.weights().items()}
        return {**found, **{self._prefix + name.replace("/", "."): value for name, value in self.scales.items()}}

    def _walk(self, v: Tensor, d: Tensor | None, side: Side) -> Moving:
        """The value that comes back to the input, and beside it the displacement."""
        held: Any = side
        start, *nodes, end = self._code[0].graph.nodes
        values = {node: held["values"][node.name] for node in (start, *nodes)}
        made = Pass(values, frozenset(node for node in values if node.name in self._carrying), dict(self.scales))
        sent: dict[Any, Moving] = {end.args[0]: (v, d)}
        for node in reversed(nodes):
            if node in sent:
                for target, found in self._back(node, sent.pop(node), made, side):
                    sent[target] = _added(sent[target], found) if target in sent else found
        if start not in sent:
            raise UnknownComponentError("nothing comes back to the input of this code", "")
        return sent[start]

    def _back(self, node: fx.Node, moving: Moving, made: Pass, side: Side) -> list[tuple[fx.Node, Moving]]:
        """What a node sends to each of those that it was made of."""
        v, d = moving
        if node.name in self.twins:
            twin: Any = self.twins[node.name]
            own = inner(side, node.name)
            return [(made.of(node)[0], (twin(v, own), None if d is None else twin.difference(v, d, own)))]
        return [(target, (send(v), None if d is None else send(d))) for target, send in sends(node, made) or ()]


def _added(one: Moving, other: Moving) -> Moving:
    displacement = None if one[1] is None or other[1] is None else one[1] + other[1]
    return one[0] + other[0], displacement
