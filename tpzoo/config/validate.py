"""The one validator: layers of plain values in, frozen settings out, every problem noted with its place.

Layers are dicts, lists and scalars, weakest first. At every place the validator has what the layers say there and takes
the strongest; a list or a value by name is one value and is taken whole. A component is chosen before its settings are
read: another name drops what weaker layers set, except for the settings that all components of the kind share. What a
stronger layer replaces is checked all the same, where the component that it is of is known here.

Nothing is left for OmegaConf to merge. Its own merge joins two values by name, keeps the settings of a component that
was replaced, lets ``???`` pass and stops at the first error. pydantic's TypeAdapter would take over no more than
``typed``, and be one more thing to install where the kit runs without YAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tpzoo.config.fields import Field, fields_of
from tpzoo.config.layer import Layer
from tpzoo.config.problems import DEFAULT, Path, Problems, Where, dotted
from tpzoo.config.scalars import Unquoted, value_of
from tpzoo.config.typed import INVALID, read_field
from tpzoo.errors import TpzooError, UnknownComponentError
from tpzoo.plugin.catalogue import OWN, Catalogue, Entry, quote
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import Component
from tpzoo.plugin.suggest import did_you_mean, name_hint

Stack = list[tuple[Layer, Any]]
"""What the layers that say something of a place say there, weakest first."""


@dataclass(frozen=True)
class _Name:
    """A component's name as it was written, the distribution whose recipe or entry says it, and where it stands."""

    text: str
    owner: str
    where: Where


class Validator:
    """Reads layers into settings.

    Args:
        catalogue: where names of components are looked up.
        problems: where to note what is wrong.
        complete: whether the settings are all there, so that a dataclass may check them against each other.

    Attributes:
        origins: where each value comes from, by its path.
        records: the chosen record of every component, by its path.
    """

    def __init__(self, catalogue: Catalogue, problems: Problems, complete: bool = True) -> None:
        self.catalogue, self.problems, self.complete = catalogue, problems, complete
        self.origins: dict[str, str] = {}
        self.records: dict[str, Record] = {}

    def settings(self, cls: Any, base: Any, stack: Stack, path: Path = (), owner: Entry | None = None) -> Any:
        """Return an instance of a settings dataclass.

        Args:
            cls: the dataclass; None if there is nothing to set.
            base: an instance with the defaults.
            owner: the component whose settings these are; None for the schema's own.
        """
        known = fields_of(cls)
        given = _by_key(stack, known, path)
        for key, nodes in given.items():
            for layer, _ in nodes if key not in known else ():
                self.problems.add(layer.where((*path, key)), (*path, key), _unknown(key, known, path, owner))
        values = {
            key: self._field(field, getattr(base, key), given.get(key, []), (*path, key), owner)
            for key, field in known.items()
        }
        try:
            return cls(**values) if cls and self.complete else base
        except (TpzooError, ValueError, TypeError) as error:  # a dataclass may check its settings against each other
            places = [layer.where((*path, key)) for key in known for layer, _ in given.get(key, [])]
            where = places[-1] if places else DEFAULT
            self.problems.add(where, path, quote(error) if isinstance(error, TpzooError) else str(error))
            return base

    def _field(self, field: Field, default: Any, stack: Stack, path: Path, owner: Entry | None) -> Any:
        if field.role == "component":
            named = _Name(default.name, owner.distribution if owner else "", DEFAULT)
            return self._component(field.kind, named, stack, path)
        if field.role == "table":
            return self._table(field.kind, default, stack, path)
        if field.role == "group":
            return self._group(field, default, stack, path)
        value, origin = default, f"default of {_called(owner)}" if owner else str(DEFAULT)
        for layer, node in stack:
            found = read_field(field, node, path, layer.note(self.problems))
            if found is not INVALID:
                value, origin = found, str(layer.where(path))
        self.origins[dotted(path)] = origin
        return value

    def _group(self, field: Field, default: Any, stack: Stack, path: Path) -> Any:
        mappings: Stack = []
        for layer, node in stack:
            if isinstance(node, dict) and None not in node:
                mappings.append((layer, node))
            elif not _is_blank(node):
                keys = ", ".join(fields_of(field.hint))
                self.problems.add(layer.where(path), path, f"expected a mapping with any of {keys}")
        return self.settings(field.hint, default, mappings, path)

    def _component(self, kind: str, name: _Name, stack: Stack, path: Path) -> Component:
        """Choose a component and read its settings; ``name`` holds unless a layer has another.

        Only the name that holds must be known: what a weaker layer chose may not be installed here.
        """
        kept: Stack = []
        for layer, node in stack:
            chosen = selection(node, path)
            if chosen is not None:
                at = layer.where(chosen[1])
                if not isinstance(chosen[0], str) or not chosen[0].strip():
                    self._not_a_name(kind, at, path)
                    continue
                before, name = name, _Name(str(chosen[0]), layer.owner, at)
                if kept and (before.text, before.owner) != (name.text, name.owner):
                    kept = self._surviving(kind, before, name, kept, path)
            if isinstance(node, dict):
                kept.append((layer, {key: item for key, item in node.items() if key not in (None, "name")}))
        return self._chosen(kind, name, kept, path)

    def _surviving(self, kind: str, old: _Name, new: _Name, stack: Stack, path: Path) -> Stack:
        """What is left of the settings of the component called ``old`` if that called ``new`` takes its place."""
        try:
            before, after = (self.catalogue.find(kind, name.text, name.owner) for name in (old, new))
        except UnknownComponentError:
            return []
        if before.record is after.record:
            return stack
        self._aside()._chosen(kind, old, stack, path)
        shared = fields_of(after.record.shared)
        kept = shared.keys() | _beside(shared).keys()
        return [(layer, {key: item for key, item in node.items() if key in kept}) for layer, node in stack]

    def _chosen(self, kind: str, name: _Name, stack: Stack, path: Path) -> Component:
        entry = self._find(kind, name, path)
        if entry is None:
            return Component(name.text)
        record = entry.record
        self.origins[dotted(path)], self.records[dotted(path)] = str(name.where), record
        cls: Any = record.config or record.shared
        settings = self.settings(cls, cls() if cls else None, stack, path, entry)
        return Component(name.text, settings, entry.distribution)

    def _table(self, kind: str, default: Mapping[str, Any], stack: Stack, path: Path) -> dict[str, Component]:
        """Read any number of components: a key adds or changes one, null removes it; null for all removes them all."""
        entries: dict[str, Stack] = {key: [] for key in default}
        for layer, node in stack:
            whole = node.get(None, Unquoted()) if isinstance(node, dict) else node
            if _is_null(whole):
                self._drop(kind, entries, list(entries), path)
            elif not _is_blank(whole):
                self.problems.add(layer.where(path), path, f"expected a mapping from {kind} to its settings")
            for key, item in node.items() if isinstance(node, dict) else ():
                place = (*path, key)
                if key is None:
                    continue
                if _is_blank(item):
                    self.problems.add(layer.where(place), place, "is empty: write {} to add it or null to remove it")
                elif _is_null(item) and key in entries:
                    self._drop(kind, entries, [key], path)
                elif _is_null(item):
                    self._find(kind, _Name(key, layer.owner, layer.where(place)), place)  # notes an unknown name
                elif "." in key:
                    self.problems.add(layer.where(place), place, "a key here cannot hold a dot")
                else:
                    entries.setdefault(key, []).append((layer, item))
        found = {}
        for key, nodes in entries.items():
            first = None if key in default or not nodes else nodes[0][0]
            name = _Name(key, first.owner, first.where((*path, key))) if first else _Name(key, OWN, DEFAULT)
            found[key] = self._component(kind, name, nodes, (*path, key))
        return found

    def _drop(self, kind: str, entries: dict[str, Stack], keys: Sequence[str], path: Path) -> None:
        """Take entries out of a table; what they say is checked all the same."""
        for key in keys:
            if stack := entries.pop(key):
                self._aside()._component(kind, _Name(key, OWN, DEFAULT), stack, (*path, key))

    def _aside(self) -> Validator:
        """A validator for what a stronger layer replaces, of which nothing but the problems is kept."""
        return Validator(self.catalogue, self.problems, complete=False)

    def _find(self, kind: str, name: _Name, path: Path) -> Entry | None:
        try:
            return self.catalogue.find(kind, name.text, name.owner)
        except UnknownComponentError as error:
            self.problems.add(name.where, path, f"{error.what}. {error.hint}".strip())
            return None

    def _not_a_name(self, kind: str, where: Where, path: Path) -> None:
        names = ", ".join(self.catalogue.names(kind)[:8])
        message = f"expected one {kind} by name ({names}, ...) or a mapping with 'name' and settings"
        self.problems.add(where, path, message)


def selection(node: Any, path: Path) -> tuple[Any, Path] | None:
    """What a node selects and at which path it says so; None if it only sets something. Nothing is looked up."""
    if not isinstance(node, dict):
        return node, path
    return next(((node[key], (*path, key)) for key in (None, "name") if key in node), None)


def _beside(known: Mapping[str, Field]) -> dict[str, str]:
    """The keys that may be written beside a component though they are its settings, and which component that is."""
    return {key: name for name, field in known.items() for key in field.metadata.get("beside", ())}


def _by_key(stack: Stack, known: Mapping[str, Field], path: Path) -> dict[str, Stack]:
    """What the layers say of each key; what may stand beside a component is put within it."""
    beside = _beside(known)
    found: dict[str, Stack] = {}
    for layer, tree in stack:
        for key, node in sorted(tree.items(), key=lambda item: item[0] in beside):
            if key in beside:
                found.setdefault(beside[key], []).append((_moved(layer, (*path, key), beside[key]), {key: node}))
            else:
                found.setdefault(key, []).append((layer, node))
    return found


def _moved(layer: Layer, path: Path, name: str) -> Layer:
    """The places of what a layer has at ``path``, for where it belongs: within ``name``."""
    below = {place: where for place, where in layer.places.items() if place[: len(path)] == path}
    within = {(*path[:-1], name, *place[len(path) - 1 :]): where for place, where in below.items()}
    return Layer({}, {(): layer.where(path), **within}, layer.owner)


def _called(owner: Entry) -> str:
    return f"{owner.record.kind} '{owner.record.name}'"


def _unknown(key: str, known: Mapping[str, Field], path: Path, owner: Entry | None) -> str:
    if owner is None:
        return f"unknown key. {did_you_mean(key, known if path else [*known, 'extends'])}".strip()
    if not known:
        return f"not an option: {_called(owner)} has none"
    return f"not an option of {_called(owner)}. {name_hint(key, known)}"


def _is_blank(node: Any) -> bool:
    """Whether nothing was written: ``probes:`` with an empty rest."""
    return isinstance(node, Unquoted) and not node


def _is_null(node: Any) -> bool:
    return not isinstance(node, dict | list) and value_of(node) is None and not _is_blank(node)
