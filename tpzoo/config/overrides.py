"""Overrides of the command line: ``rule=bp``, ``optimizer.forward.lr=0.01``, ``architecture.hidden=[256, 256]``.

A value that starts with ``[``, ``{`` or a quote is read as YAML; any other is one scalar, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from tpzoo.config.document import DEEPEST, checked, read_text
from tpzoo.config.nodes import Entries, Leaf, Node
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.scalars import parse_scalar


def read_overrides(overrides: Sequence[str], problems: Problems) -> Entries:
    """Return all overrides as one mapping; where two set the same place, the later one holds."""
    root = Entries(Where(COMMAND_LINE))
    for override in overrides:
        where = Where(COMMAND_LINE, override or "''")
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys) or len(keys) > DEEPEST:
            problems.add(where, "", "not of the form key=value")
            continue
        value = _value(text.strip(), where, path, problems)
        if value is not None:
            _put(root, keys, value, where)
    return root


def _value(text: str, where: Where, path: str, problems: Problems) -> Node | None:
    if text[:1] in ("[", "{", "'", '"'):
        return read_text(text, lambda mark: where, problems)
    return checked(Leaf(text, parse_scalar(text), where), path, problems)


def _put(root: Entries, keys: Sequence[str], value: Node, where: Where) -> None:
    place = root
    for key in keys[:-1]:
        found = place.items.get(key)
        if not isinstance(found, Entries):
            found = Entries(where, own=found if isinstance(found, Leaf) else None)
            place.items[key] = found
        place = found
    _merge(place, keys[-1], value)


def _merge(place: Entries, key: str, value: Node) -> None:
    """Set ``key``; a mapping adds to a mapping, a scalar beside a mapping becomes its own value."""
    if key == "name":
        place.own = None
    found = place.items.get(key)
    if isinstance(found, Entries) and isinstance(value, Leaf):
        found.items.pop("name", None)
        found.own = value
    elif isinstance(found, Entries) and isinstance(value, Entries):
        if "name" in value.items:
            found.own = None
        for name, item in value.items.items():
            _merge(found, name, item)
    elif isinstance(found, Leaf) and isinstance(value, Entries):
        value.own = None if "name" in value.items else found
        place.items[key] = value
    else:
        place.items[key] = value
