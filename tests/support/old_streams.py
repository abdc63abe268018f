"""The random streams of the time when layerwise edges were named by their source, to compare bits with runs of then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tpzoo.engine import Edge, Streams
from tpzoo.engine.draw import Draw, Share
from tpzoo.engine.step import Engine


def old_name(edge: Edge) -> str:
    """What a built-in path called the edge then: a layerwise one by the node it starts at, a direct one as today."""
    return edge.name if edge.source == "output" else edge.source


@contextmanager
def old_streams() -> Iterator[None]:
    """Engines that are made within this block draw an edge's noise from the stream that had its old name."""
    plain = Engine.__post_init__

    def renamed(self: Engine) -> None:
        plain(self)
        self.streams = OldStreams(
            self.streams, {f"noise/{e.name}": f"noise/{old_name(e)}" for e in self.feedback.edges}
        )

    with mock.patch.object(Engine, "__post_init__", renamed):
        yield


class OldStreams(Streams):
    """The same streams, asked for by their new names."""

    def __init__(self, streams: Streams, old: dict[str, str]) -> None:
        vars(self).update(vars(streams))
        self._old = old

    def draw(self, name: str, share: Share | None = None) -> Draw:
        """A draw from the stream that was called so, or from the one that had the edge."""
        return super().draw(self._old.get(name, name), share)
