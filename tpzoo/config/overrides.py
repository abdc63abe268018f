"""Overrides of the command line: ``rule=bp``, ``optimizer.forward.lr=0.01``, ``architecture.hidden=[256, 256]``.

A value that starts with ``[``, ``{`` or a quote is read as YAML; any other is one scalar, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from tpzoo.config.document import DEEPEST, checked, read_text
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.tree import OWN, Layer, Path, Tree


def read_overrides(overrides: Sequence[str], problems: Problems) -> Layer:
    """Return all overrides as one layer; where two set the same place, the later one holds."""
    root = Layer(places={(): Where(COMMAND_LINE)})
    for override in overrides:
        where = Where(COMMAND_LINE, override or "''")
        path, equals, text = override.partition("=")
        keys = tuple(path.strip().split("."))
        if not equals or not all(keys) or len(keys) > DEEPEST:
            problems.add(where, "", "not of the form key=value")
            continue
        value = _value(text.strip(), where, path, problems)
        if value is not None:
            _put(root, keys, value, where)
    return root


def _value(text: str, where: Where, path: str, problems: Problems) -> Tree | None:
    if text[:1] in ("[", "{", "'", '"'):
        return read_text(text, lambda mark: where, problems, Layer(), ())
    return checked(text, where, path, problems)


def _put(root: Layer, keys: Path, value: Tree, where: Where) -> None:
    place = root.tree
    for i, key in enumerate(keys[:-1]):
        found = place.get(key)
        if not isinstance(found, dict):
            found = {OWN: found} if isinstance(found, str) else {}
            place[key] = found
        root.places.setdefault(keys[: i + 1], where)
        place = found
    _merge(root, place, keys, value, where)


def _merge(root: Layer, place: dict[str, Tree], path: Path, value: Tree, where: Where) -> None:
    """Set the last key; a mapping adds to a mapping, a scalar beside a mapping becomes its own value."""
    key, found = path[-1], place.get(path[-1])
    if key == "name":
        place.pop(OWN, None)
    if isinstance(found, dict) and isinstance(value, str):
        found.pop("name", None)
        found[OWN] = value
        root.places[(*path, OWN)] = where
    elif isinstance(found, dict) and isinstance(value, dict):
        if "name" in value:
            found.pop(OWN, None)
        for name, item in value.items():
            _merge(root, found, (*path, name), item, where)
    elif isinstance(found, str) and isinstance(value, dict):
        own = {} if "name" in value else {OWN: found}
        place[key] = {**own, **value}
        for name in value:
            root.places[(*path, name)] = where
    else:
        place[key] = value
        root.places[path] = where
