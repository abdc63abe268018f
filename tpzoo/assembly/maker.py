"""How one entry is built: its builder gets its settings, with values by name resolved, and draws from a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tpzoo.assembly.method import Chosen
from tpzoo.engine.draw import stream_seed
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Network
from tpzoo.engine.twin import TwinEnds, TwinLayer
from tpzoo.errors import UnknownComponentError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import PerName


@dataclass(frozen=True)
class Names:
    """What values by name are for, as far as it is known: blocks and edges, both from the input to the output."""

    block: Sequence[str] | None = None
    edge: Sequence[str] | None = None

    @classmethod
    def of(cls, network: Network, feedback: Feedback) -> Names:
        """The names of a network and its feedback path."""
        return cls(list(network.blocks), feedback.names(network))

    def along(self, axis: str) -> Sequence[str] | None:
        """The names on an axis, ``block`` or ``edge``; None if they are not known."""
        return {"block": self.block, "edge": self.edge}.get(axis)


UNKNOWN = Names()


def make(chosen: Chosen, *arguments: Any, names: Names = UNKNOWN) -> Any:
    """Build one entry: its builder gets its settings, then ``arguments``.

    Args:
        names: the blocks and edges that values by name are for, as far as they are known.

    Raises:
        SettingError: a value by name does not fit the names.
    """
    return chosen.record.builder()(resolved(chosen, names).settings, *arguments)


def resolved(chosen: Chosen, names: Names) -> Chosen:
    """``chosen`` with every value by block or edge as a mapping from name to value, where the names are known."""
    settings, found = chosen.settings, {}
    for field in dataclasses.fields(settings):
        known, value = names.along(field.metadata.get("per", "")), getattr(settings, field.name)
        if known is not None and isinstance(value, PerName):
            found[field.name] = PerName(value.resolve(known, f"{chosen.record.name}.{field.name}"))
    return Chosen(chosen.record, dataclasses.replace(settings, **found))


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Let torch's and timm's constructors draw from a stream of their own; the global generators are put back."""
    with torch.random.fork_rng():
        torch.manual_seed(stream_seed(seed, stream))
        yield


class TwinMaker:
    """``make_twin(layer, shape_in, shape_out, settings)``: the twin of a layer by its type; inner layers likewise."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(
        self, layer: nn.Module, shape_in: tuple[int, ...], shape_out: tuple[int, ...], settings: Any
    ) -> TwinLayer:
        """The twin of ``layer``; ``settings`` are those of the map that it is part of.

        Raises:
            UnknownComponentError: no plugin brings one for this type.
        """
        return self.by(self._catalogue.twin(type(layer)), layer, shape_in, shape_out, settings)

    def by(
        self,
        record: Record,
        layer: nn.Module,
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        settings: Any,
    ) -> TwinLayer:
        """The twin that ``record``, registered or not, makes of a layer."""

        def inner(each: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> TwinLayer:
            return self(each, before, after, settings)

        made: TwinLayer = record.builder()(layer, TwinEnds(shape_in, shape_out, inner, settings, self._has_twin))
        return made

    def _has_twin(self, kind: type[nn.Module]) -> bool:
        try:
            return self._catalogue.twin(kind).module not in (nn.Module, "torch.nn:Module")
        except UnknownComponentError:
            return False
