"""A map that mirrors a block: the twin of every layer, in reverse order (Ernoult et al. 2022, section 2 of the code).

For conv -> activation -> pool the map is unpool -> activation -> transposed convolution, with weights of its own.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, final

from torch import Tensor, nn
from torch.func import functional_call

from tpzoo import (
    At,
    Block,
    Ends,
    FeedbackMap,
    LinearTail,
    Pass,
    Reshapes,
    TwinLayer,
    WeightedLinearTwin,
    drawn_at,
    inner,
    source_activation,
)
from tpzoo.errors import CompatibilityError, UnknownComponentError
from tpzoo.zoo.feedback.plugin import MirrorSettings
from tpzoo.zoo.twins.chain import ChainTwin


class Mirror(FeedbackMap):
    """The twin of one block, evaluated with the side data (pool indices) of the pass at the edge's source."""

    def __init__(self, twin: TwinLayer, block: Block) -> None:
        super().__init__()
        self.twin = twin
        self._block = (block,)  # no part of the map: its weights are the network's

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.twin(u, self.side(at))

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.twin.difference(source_activation(at), d, self.side(at))

    def side(self, at: At) -> dict[str, Any]:
        """The side data of the pass at the source, and what is held fixed of the clean pass."""
        found = {} if at.source is None else dict(at.source.aux)
        if self.twin.holds and at.source is not None:
            node = at.source.name
            found |= at.target.memo((self, "held"), lambda: held(self._block[0], self.twin, at.target, node))
        return found

    def mirrored(self) -> dict[str, Tensor]:
        return self.twin.weights()


@final
class MirrorMap(Mirror):
    """A mirror of any block."""


@final
class MirrorTailMap(Mirror, LinearTail):
    """A mirror whose only weights are linear, with nothing but reshapes after them: the tail begins at ``tail``."""

    def __init__(self, twin: ChainTwin, block: Block, tail: int) -> None:
        super().__init__(twin, block)
        self._tail = tail

    def features(self, u: Tensor, at: At) -> Tensor:
        for name, twin in self._twins()[: self._tail]:
            u = twin(u, inner(self.side(at), name))
        return u

    def linear(self, v: Tensor, at: At) -> Tensor:
        for name, twin in self._twins()[self._tail :]:
            v = twin(v, inner(self.side(at), name))
        return v

    def linear_difference(self, v: Tensor, at: At) -> Tensor:
        for name, twin in self._twins()[self._tail :]:
            v = twin.difference(v, v, inner(self.side(at), name))
        return v

    def linear_gradient(self, v: Tensor, cotangent: Tensor, at: At) -> dict[str, Tensor]:
        (name, twin), *after = self._twins()[self._tail :]
        assert isinstance(twin, WeightedLinearTwin)  # weights_at saw to it
        shape = twin(v[:1], inner(self.side(at), name)).shape[1:] if after else cotangent.shape[1:]
        found = twin.gradient(v, cotangent.reshape(-1, *shape), inner(self.side(at), name))
        return {f"twin.twins.{name}.{key}": value for key, value in found.items()}

    def _twins(self) -> list[tuple[str, TwinLayer]]:
        assert isinstance(self.twin, ChainTwin)
        return list(self.twin.twins.items())  # type: ignore[arg-type]


def build(settings: MirrorSettings, ends: Ends) -> FeedbackMap:
    """The mirror of the block that an edge inverts, with a linear tail where it has one.

    Raises:
        CompatibilityError: the edge spans several blocks, or a layer of the block has no twin.
    """
    if len(ends.blocks) != 1:
        inverted = ", ".join(ends.block_names) or "none"
        what = f"map 'mirror' inverts one block, and edge '{ends.name}' spans {len(ends.blocks)}: {inverted}"
        raise CompatibilityError(what, "use feedback=layerwise with it, or feedback.map=linear with a direct path")
    twin = twin_of_block(settings, ends)
    tail = weights_at(twin)
    if tail is not None and isinstance(twin, ChainTwin) and not twin.holds:
        return MirrorTailMap(twin, ends.blocks[0], tail)
    return MirrorMap(twin, ends.blocks[0])


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


class _Holding(nn.Module):
    """Lets ``functional_call`` give a block copies of its buffers while its twin looks at a clean pass."""

    def __init__(self, block: Block, twin: TwinLayer) -> None:
        super().__init__()
        self.block = block
        self._twin = (twin,)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return self._twin[0].hold(x)


def held(block: Block, twin: TwinLayer, before: Pass, node: str) -> dict[str, Any]:
    """What a twin holds fixed of the clean pass that goes through ``block`` after the pass ``before``."""
    buffers = {f"block.{name}": value.clone() for name, value in block.named_buffers()}
    seeded = drawn_at(before, node) if block.draws else nullcontext()
    with seeded:
        found: dict[str, Any] = functional_call(_Holding(block, twin), buffers, (before.out,))
    return found


def weights_at(twin: TwinLayer) -> int | None:
    """Where the linear tail of a chain of twins begins: at its only weights, if nothing but reshapes follows them."""
    if not isinstance(twin, ChainTwin):
        return None
    twins: list[TwinLayer] = list(twin.twins.values())  # type: ignore[arg-type]
    weighted = [i for i, each in enumerate(twins) if any(True for _ in each.parameters())]
    if len(weighted) != 1:
        return None
    tail, after = twins[weighted[0]], twins[weighted[0] + 1 :]
    linear = isinstance(tail, WeightedLinearTwin) and all(isinstance(each, Reshapes) for each in after)
    return weighted[0] if linear else None
