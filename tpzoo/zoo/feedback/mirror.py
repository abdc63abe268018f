"""A map that mirrors a block: the twin of every layer, in reverse order (Ernoult et al. 2022, section 2 of the code).

For conv -> activation -> pool the map is unpool -> activation -> transposed convolution, with weights of its own.
"""

from __future__ import annotations

from torch import Tensor

from tpzoo import At, Ends, FeedbackMap, TwinLayer, inner, source_activation
from tpzoo.errors import CompatibilityError, UnknownComponentError
from tpzoo.zoo.feedback.plugin import MirrorSettings
from tpzoo.zoo.twins.chain import ChainTwin


class MirrorMap(FeedbackMap):
    """The twin of one block, evaluated with the side data (pool indices) of the pass at the edge's source."""

    def __init__(self, settings: MirrorSettings, ends: Ends) -> None:
        super().__init__()
        if len(ends.blocks) != 1:
            inverted = ", ".join(ends.block_names) or "none"
            what = f"map 'mirror' inverts one block, and edge '{ends.name}' spans {len(ends.blocks)}: {inverted}"
            raise CompatibilityError(what, "use feedback=layerwise with it, or feedback.map=linear with a direct path")
        self.twin = twin_of_block(settings, ends)
        self._tail = weights_at(self.twin)
        self.linear_tail = self._tail is not None

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.twin(u, side(at))

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.twin.difference(source_activation(at), d, side(at))

    def mirrored(self) -> dict[str, Tensor]:
        return self.twin.weights()

    def features(self, u: Tensor, at: At) -> Tensor:
        for name, twin in self._part(True):
            u = twin(u, inner(side(at), name))
        return u

    def linear(self, v: Tensor, at: At) -> Tensor:
        for name, twin in self._part(False):
            v = twin(v, inner(side(at), name))
        return v

    def linear_difference(self, v: Tensor, at: At) -> Tensor:
        for name, twin in self._part(False):
            v = twin.difference(v, v, inner(side(at), name))
        return v

    def linear_gradient(self, v: Tensor, cotangent: Tensor, at: At) -> dict[str, Tensor]:
        name, twin = self._part(False)[0]
        shape = twin(v[:1], inner(side(at), name)).shape[1:] if len(self._part(False)) > 1 else cotangent.shape[1:]
        found = twin.gradient(v, cotangent.reshape(-1, *shape), inner(side(at), name))
        return {f"twin.twins.{name}.{key}": value for key, value in found.items()}

    def _part(self, features: bool) -> list[tuple[str, TwinLayer]]:
        if self._tail is None or not isinstance(self.twin, ChainTwin):
            raise TypeError("this mirrored block has no linear tail (capability linear_tail)")
        items: list[tuple[str, TwinLayer]] = list(self.twin.twins.items())  # type: ignore[arg-type]
        return items[: self._tail] if features else items[self._tail :]


def twin_of_block(settings: MirrorSettings, ends: Ends) -> TwinLayer:
    """The twin of the block that the edge inverts.

    Raises:
        CompatibilityError: a layer in it has no twin. The message names its type.
    """
    try:
        return ends.make_twin(ends.blocks[0], ends.target_shape, ends.source_shape, settings)
    except UnknownComponentError as error:
        what = f"map 'mirror' cannot invert block '{ends.block_names[0]}': {error.what}"
        instead = "use feedback=layerwise with feedback.map=dense, or feedback=tied, or a plugin with that twin"
        raise CompatibilityError(what, f"{instead}; {error.hint}") from error


def side(at: At) -> dict[str, Tensor]:
    """The side data of the pass at the source."""
    return at.source.aux if at.source is not None else {}


def weights_at(twin: TwinLayer) -> int | None:
    """Where the linear tail of a chain of twins begins: at its only weights, if nothing but reshapes follows them."""
    if not isinstance(twin, ChainTwin):
        return None
    twins: list[TwinLayer] = list(twin.twins.values())  # type: ignore[arg-type]
    weighted = [i for i, each in enumerate(twins) if any(True for _ in each.parameters())]
    if len(weighted) != 1:
        return None
    tail, after = twins[weighted[0]], twins[weighted[0] + 1 :]
    return weighted[0] if tail.linear and all(each.reshapes for each in after) else None
