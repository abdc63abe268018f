"""What was written, before it is known what it means: scalars, lists and mappings, each with its place.

Scalars keep their text, because names of components and texts are never read as YAML values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tpzoo.config.problems import Where
from tpzoo.config.scalars import Scalar


@dataclass(frozen=True)
class Leaf:
    """A scalar: its text and its value."""

    text: str
    value: Scalar
    where: Where
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    where: Where


@dataclass
class Entries:
    """A mapping.

    ``own`` is what the place itself was set to where the command line also sets parts of it:
    ``rule=dtp rule.step_size=1``.
    """

    where: Where
    items: dict[str, Node] = field(default_factory=dict)
    own: Leaf | None = None


Node = Leaf | Items | Entries


def plain(node: Node) -> Any:
    """Return the Python value of a node: a scalar, a list or a dict."""
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, item in node.items.items()}
