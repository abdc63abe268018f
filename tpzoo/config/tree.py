"""What was written, before it is known what it means: dicts, lists and texts, with a side table of places.

A scalar stays the text that was written, because names of components and texts are never read as YAML values; one in
quotes is :class:`Quoted`. Where each value stands, and with it the layer that it came from, is in a table by path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tpzoo.config.problems import DEFAULT, Where
from tpzoo.config.scalars import Scalar, parse_scalar

Path = tuple[str, ...]
Tree = Any
"""A dict, a list or a text."""
OWN: Final = "\0own"
"""The key of what a place itself was set to where the command line also sets parts of it: ``rule=dtp rule.x=1``."""


class Quoted(str):
    """A text in quotes: it is itself, whatever it looks like."""

    __slots__ = ()


@dataclass
class Layer:
    """One file, or the command line: what it says, and where."""

    tree: dict[str, Tree] = field(default_factory=dict)
    places: dict[Path, Where] = field(default_factory=dict)

    def where(self, path: Path) -> Where:
        """Where the value at ``path`` stands; for a part of a value, where the whole does."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return DEFAULT

    def take(self, other: Layer, source: Path, target: Path) -> None:
        """Note the places of what stands at ``source`` in another layer as those of ``target`` here."""
        for path in [path for path in self.places if path[: len(target)] == target and path != target]:
            del self.places[path]
        self.places[target] = other.where(source)
        for path, where in other.places.items():
            if path[: len(source)] == source:
                self.places[target + path[len(source) :]] = where


def value_of(text: str) -> Scalar:
    """The value of a scalar."""
    return str(text) if isinstance(text, Quoted) else parse_scalar(text)


def is_blank(tree: Tree) -> bool:
    """Whether nothing was written: ``probes:`` with an empty rest."""
    return isinstance(tree, str) and not isinstance(tree, Quoted) and not tree


def plain(tree: Tree) -> Any:
    """The Python value: a scalar, a list or a dict."""
    if isinstance(tree, dict):
        return {key: plain(item) for key, item in tree.items()}
    return [plain(item) for item in tree] if isinstance(tree, list) else value_of(tree)


def written(value: Any) -> Tree:
    """What a file would say for a Python value."""
    if isinstance(value, Mapping):
        return {str(key): written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    return Quoted(value)


def selection(tree: Tree) -> Tree | None:
    """What a place selects: a name, or None if it only sets something. Whether the name exists is not looked at."""
    if isinstance(tree, dict):
        return tree.get(OWN, tree.get("name"))
    return tree if isinstance(tree, str) else None


def settings_in(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """What a place says beside what it selects."""
    if isinstance(tree, dict):
        yield from ((key, item) for key, item in tree.items() if key not in (OWN, "name"))
