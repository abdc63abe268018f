"""What one file, one mapping or the command line says: plain values, and where each of them stands.

Two texts are refused in all of them, not taken literally: ``${...}``, interpolation in OmegaConf and Hydra, with which
a stranger's config could read the environment, and ``???``, a value that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tpzoo.config.plain import to_plain
from tpzoo.config.problems import Path, Problems, Where
from tpzoo.errors import PluginError

DEEPEST = 20
"""How many keys and list items may lead to a value."""

Note = Callable[[Path, str], None]
"""Takes what is wrong: its place and a message."""


@dataclass(frozen=True)
class Layer:
    """Plain values (dicts, lists and scalars) and where they stand.

    Attributes:
        tree: the values.
        places: where they stand; a value that is not listed stands where the nearest place above it does.
        owner: the distribution whose recipe says it: names in it mean that distribution's own entries first.
    """

    tree: Any
    places: Mapping[Path, Where]
    owner: str = ""

    def where(self, path: Path) -> Where:
        """Where the value at ``path`` stands."""
        return next(self.places[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.places)

    def note(self, problems: Problems) -> Note:
        """Return what notes a problem of this layer, given its path."""
        return lambda path, message: problems.add(self.where(path), path, message)


def layer_of(values: Mapping[str, Any], where: Where, problems: Problems) -> Layer:
    """Make a layer of a mapping from Python; what no config can hold is noted."""
    try:
        tree = to_plain(values)
        refuse_reserved(tree, Layer(tree, {(): where}).note(problems))
    except PluginError as error:
        problems.add(where, (), error.what)
    except RecursionError:
        problems.add(where, (), "nested too deeply")
    else:
        return Layer(tree, {(): where})
    return Layer({}, {(): where})


def refuse_reserved(node: Any, note: Note, path: Path = ()) -> None:
    """Note every text in ``node`` that is reserved.

    Raises:
        RecursionError: it is nested too deeply.
    """
    if len(path) > DEEPEST:
        raise RecursionError
    if isinstance(node, dict):
        for key, item in node.items():
            refuse_reserved(key, note, path)
            refuse_reserved(item, note, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            refuse_reserved(item, note, (*path, index))
    elif isinstance(node, str) and "${" in node:
        note(path, "interpolation ${...} is not allowed: write the value itself")
    elif node == "???":
        note(path, "'???' is reserved: write the value itself")
