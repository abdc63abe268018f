"""The twins of layers in a row, and of a residual unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

from torch import Tensor, nn

from tpzoo import (
    KeepsZero,
    LayerBlock,
    LinearTwin,
    ModuleBlock,
    Residual,
    Scatters,
    Side,
    TwinEnds,
    TwinLayer,
    inner,
    layer_shapes,
)


@final
class ChainTwin(TwinLayer):
    """The layers' twins in reverse order. Carries value and displacement down: linear twins see only the latter."""

    def __init__(self, twins: Mapping[str, TwinLayer], layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.holds = any(twin.holds for twin in twins.values())
        self._layers = dict(layers) if self.holds else {}  # in a dict they are no part of this module
        self.twins = nn.ModuleDict(dict(commuted(list(twins.items())[::-1])))

    def forward(self, v: Tensor, side: Side) -> Tensor:
        for name, twin in self.twins.items():
            v = twin(v, inner(side, name))
        return v

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        items = list(self.twins.items())
        # The value is needed only down to the last twin that is not linear.
        needed = max((i for i, (_, twin) in enumerate(items) if not isinstance(twin, LinearTwin)), default=-1)
        for i, (name, twin) in enumerate(items):
            d = twin.difference(v, d, inner(side, name))  # type: ignore[operator]
            v = twin(v, inner(side, name)) if i < needed else v
        return d

    def hold(self, x: Tensor) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, layer in self._layers.items():
            twin: Any = self.twins[name]
            found |= {f"{name}.{key}": value for key, value in twin.hold(x).items()} if twin.holds else {}
            x = layer(x)
        return found

    def mirrored(self) -> dict[str, Tensor]:
        return prefixed(self.twins.items())


@final
class ResidualTwin(TwinLayer):
    """v -> act(v), then main branch and shortcut, both inverted, added; no activation at the end (as published)."""

    def __init__(self, after: TwinLayer, main: TwinLayer, shortcut: TwinLayer) -> None:
        super().__init__()
        self.holds = main.holds or shortcut.holds
        self.after, self.main, self.shortcut = after, main, shortcut

    def forward(self, v: Tensor, side: Side) -> Tensor:
        v = self.after(v, inner(side, "after"))
        return self.main(v, inner(side, "main")) + self.shortcut(v, inner(side, "shortcut"))

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        d = self.after.difference(v, d, inner(side, "after"))
        v = self.after(v, inner(side, "after"))
        main = self.main.difference(v, d, inner(side, "main"))
        return main + self.shortcut.difference(v, d, inner(side, "shortcut"))

    def hold(self, x: Tensor) -> dict[str, Any]:
        branches = (("main", self.main), ("shortcut", self.shortcut))
        return {f"{name}.{key}": value for name, twin in branches for key, value in twin.hold(x).items()}

    def mirrored(self) -> dict[str, Tensor]:
        return prefixed([("main", self.main), ("shortcut", self.shortcut)])


def prefixed(twins: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """The mirrored weights of named twins, by the names that their layers' weights have in the block."""
    return {f"{name}.{key}": value for name, twin in twins for key, value in twin.weights().items()}  # type: ignore[operator]


def commuted(items: list[tuple[str, TwinLayer]]) -> list[tuple[str, TwinLayer]]:
    """Activations that keep zeros before the twins that scatter: the same values from a fraction of the work."""
    items = list(items)
    for i in range(len(items) - 1):
        if isinstance(items[i][1], Scatters) and isinstance(items[i + 1][1], KeepsZero):
            items[i], items[i + 1] = items[i + 1], items[i]
    return items


def chain(layer: LayerBlock | nn.Sequential, ends: TwinEnds) -> TwinLayer:
    """The twin of layers in a row."""
    # A module may stand in several places of a row: ``named_children`` would list it once.
    layers = layer.layers if isinstance(layer, LayerBlock) else dict(layer._modules)
    shapes = layer_shapes(list(layers.values()), ends.shape_in)
    triples = zip(layers.items(), shapes[:-1], shapes[1:], strict=True)
    return ChainTwin({name: ends.make(each, before, after) for (name, each), before, after in triples}, layers)


def residual(layer: Residual, ends: TwinEnds) -> TwinLayer:
    """The twin of a residual unit."""
    branches = (layer.main, layer.shortcut)
    main, shortcut = (ends.make(branch, ends.shape_in, ends.shape_out) for branch in branches)
    return ResidualTwin(ends.make(layer.after, ends.shape_out, ends.shape_out), main, shortcut)


def module(layer: ModuleBlock, ends: TwinEnds) -> TwinLayer:
    """The twin of the module that a block wraps."""
    return ends.make(layer.module, ends.shape_in, ends.shape_out).called(lambda name: f"module.{name}")
