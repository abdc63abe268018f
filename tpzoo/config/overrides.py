"""Overrides of the command line: ``rule=bp``, ``optimizer.forward.lr=0.01``, ``architecture.hidden=[256, 256]``.

A value that starts with ``[``, ``{`` or a quote is read as YAML; any other is one scalar, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tpzoo.config.document import read_text
from tpzoo.config.layer import DEEPEST, Layer, layer_of, refuse_reserved
from tpzoo.config.problems import COMMAND_LINE, PYTHON, Path, Problems, Where
from tpzoo.config.scalars import Unquoted


def read_overrides(overrides: Sequence[str], problems: Problems) -> Layer:
    """Return all overrides as one layer; where two set the same place, the later one holds."""
    layer = Layer({}, {(): Where(COMMAND_LINE)})
    for override in overrides:
        where = Where(COMMAND_LINE, override or "''")
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys) or len(keys) > DEEPEST:
            problems.add(where, (), "not of the form key=value")
            continue
        value = _value(text.strip(), where, problems)
        if value is not None:
            _set(layer, keys, value, where)
    return layer


def read_settings(settings: Mapping[str, Any], problems: Problems) -> Layer:
    """Return settings from Python, by dotted path, as one layer; in order, as overrides of the command line are."""
    layer = Layer({}, {(): Where(PYTHON)})
    for name, given in settings.items():
        where = Where(PYTHON, str(name))
        keys = str(name).split(".")
        if not all(keys) or len(keys) > DEEPEST:
            problems.add(where, (), "no path of a setting, such as optimizer.forward.lr")
            continue
        read = layer_of({keys[-1]: given}, where, problems).tree
        if read:
            _set(layer, keys, read[keys[-1]], where)
    return layer


def _set(layer: Layer, keys: list[str], value: Any, where: Where) -> None:
    """Put a value into a layer under a path."""
    for key in reversed(keys):
        value = {key: value}
    _add(layer.tree, value)
    places: Any = layer.places
    for end in range(1, len(keys) + 1):
        places.setdefault(tuple(keys[:end]), where)
    places.update(dict.fromkeys(_leaves(value), where))


def _value(text: str, where: Where, problems: Problems) -> Any | None:
    if text[:1] in ("[", "{", "'", '"'):
        read = read_text(text, lambda mark: where, problems)
        return None if read is None else read.tree
    refuse_reserved(text, Layer(text, {(): where}).note(problems))
    return Unquoted(text)


def _add(tree: dict[Any, Any], later: dict[Any, Any]) -> None:
    """Put what a later override says into ``tree``.

    A mapping adds to a mapping. Where one override sets a place and another a part of it, as ``rule=dtp rule.high=1``,
    the place's own value stands beside the parts, under the key None.
    """
    for key, value in later.items():
        found = tree.get(key)
        if key == "name":
            tree.pop(None, None)
        if isinstance(found, dict) and isinstance(value, str):
            found.pop("name", None)
            found[None] = value
        elif isinstance(found, str) and isinstance(value, dict):
            tree[key] = {None: found}
            _add(tree[key], value)
        elif isinstance(found, dict) and isinstance(value, dict):
            _add(found, value)
        else:
            tree[key] = value


def _leaves(node: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all that is not a mapping with entries."""
    if isinstance(node, dict) and node:
        for key, item in node.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path
