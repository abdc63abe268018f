"""The merge of all layers: which component is selected at each place, and what each setting was last set to.

Layers are applied weakest first. At every place a layer's selection is applied before its settings. Selecting another
component drops what weaker layers set, except for the settings that all components of the kind share.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tpzoo.config.fields import Field, fields_of
from tpzoo.config.leaves import read_leaf
from tpzoo.config.nodes import Entries, Leaf, Node
from tpzoo.config.problems import DEFAULT, Problems, Where
from tpzoo.errors import TpzooError, UnknownComponentError
from tpzoo.plugin.catalogue import Catalogue, Entry, quote
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import Component
from tpzoo.plugin.suggest import did_you_mean, name_hint


@dataclass
class Context:
    """What the whole merge shares."""

    catalogue: Catalogue
    problems: Problems
    origins: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """A leaf that a layer set."""

    value: Any
    where: Where


class Section:
    """The settings of one dataclass, as far as layers have set them.

    Args:
        settings: the dataclass, or None if there is nothing to set.
        base: an instance that holds the defaults.
        path: its place in the config; empty for the root.
        owner: the component whose settings these are, for messages; empty for the schema's own.
    """

    def __init__(self, settings: Any, base: Any, path: str, owner: str, context: Context) -> None:
        self.settings, self.base, self.path, self.owner, self.context = settings, base, path, owner, context
        self.children: dict[str, Value | Slot | Section | Table] = {}

    def apply(self, entries: Entries) -> None:
        """Take the settings of one layer."""
        known = fields_of(self.settings)
        beside = {key: name for name, field in known.items() for key in field.metadata.get("beside", ())}
        for key, node in sorted(entries.items.items(), key=lambda item: item[0] not in known):
            if key in known:
                self._apply_field(known[key], node)
            elif key in beside:
                self.child(beside[key]).apply(Entries(node.where, {key: node}))
            elif not (self.owner and key == "name"):
                self.context.problems.add(node.where, join(self.path, key), self._unknown(key, known))

    def child(self, name: str) -> Any:
        """The slot, section or table at a field, made from its default if no layer has set it."""
        if name not in self.children:
            self.children[name] = self._default(fields_of(self.settings)[name])
        return self.children[name]

    def finish(self) -> Any:
        """Return the frozen instance; origins are noted on the way."""
        values: dict[str, Any] = {}
        for name, declared in fields_of(self.settings).items():
            if declared.role == "leaf":
                self._finish_leaf(name, values)
            else:
                values[name] = self.child(name).finish()
        try:
            return self.settings(**values)
        except (TpzooError, ValueError, TypeError) as error:  # a dataclass may check its settings against each other
            message = quote(error) if isinstance(error, TpzooError) else str(error)
            self.context.problems.add(self._first_place(), self.path, message)
            return self.base

    def _finish_leaf(self, name: str, values: dict[str, Any]) -> None:
        given = self.children.get(name)
        default = f"default of {self.owner}" if self.owner else str(DEFAULT)
        self.context.origins[join(self.path, name)] = str(given.where) if isinstance(given, Value) else default
        values[name] = given.value if isinstance(given, Value) else getattr(self.base, name)

    def _first_place(self) -> Where:
        places = [child.where for child in self.children.values() if isinstance(child, Value)]
        return places[-1] if places else DEFAULT

    def _default(self, declared: Field) -> Slot | Section | Table:
        path, default = join(self.path, declared.name), getattr(self.base, declared.name)
        if declared.role == "component":
            return Slot(declared.kind, default.name, path, self.context)
        if declared.role == "table":
            return Table(declared.kind, default, path, self.context)
        return Section(declared.hint, default, path, "", self.context)

    def _apply_field(self, declared: Field, node: Node) -> None:
        path = join(self.path, declared.name)
        if declared.role == "leaf":
            store = functools.partial(self._store, declared.name, node.where)
            read_leaf(declared, node, path, self.context.problems, store)
        elif declared.role == "group":
            self._apply_group(declared.name, node, path)
        else:
            self.child(declared.name).apply(node)

    def _apply_group(self, name: str, node: Node, path: str) -> None:
        if isinstance(node, Entries) and node.own is None:
            self.child(name).apply(node)
        elif not is_blank(node):
            keys = ", ".join(fields_of(self.child(name).settings))
            self.context.problems.add(node.where, path, f"expected a mapping with any of {keys}")

    def _store(self, name: str, where: Where, value: Any) -> None:
        self.children[name] = Value(value, where)

    def _unknown(self, key: str, known: Mapping[str, Field]) -> str:
        if not self.owner:
            options = known if self.path else [*known, "extends"]
            return f"unknown key. {did_you_mean(key, options)}".strip()
        if not known:
            return f"not an option: {self.owner} has none"
        return f"not an option of {self.owner}. {name_hint(key, known)}"


class Slot:
    """A place where one component is selected by name."""

    def __init__(self, kind: str, name: str, path: str, context: Context, where: Where = DEFAULT) -> None:
        self.kind, self.name, self.path, self.context, self.where = kind, name, path, context, where
        self._entry: Entry | None = None
        self._section: Section | None = None
        self._resolved = False

    def apply(self, node: Node) -> None:
        """Take one layer's selection, then its settings."""
        if isinstance(node, Leaf):
            self.select(node)
        elif isinstance(node, Entries):
            named = selection(node)
            if isinstance(named, Leaf):
                self.select(named)
            elif named is not None:
                self._not_a_name(named)
            section = self.section
            if section is not None:
                section.apply(node)
        else:
            self._not_a_name(node)

    def select(self, leaf: Leaf) -> None:
        """Select a component; if it is another than before, keep only the settings that its kind shares."""
        if not leaf.text.strip():
            self._not_a_name(leaf)
            return
        before, kept = self._entry, self._section
        same = self.name == leaf.text
        self.name, self.where = leaf.text, leaf.where
        if same:
            return
        self._resolved, self._entry, self._section = False, None, None
        after = self.entry
        if before is not None and after is not None and kept is not None:
            self._keep(kept, after, before.record is after.record)

    @property
    def entry(self) -> Entry | None:
        """The selected component; None, with the reason noted, if there is none of that name."""
        if not self._resolved:
            self._resolved = True
            try:
                self._entry = self.context.catalogue.find(self.kind, self.name)
            except UnknownComponentError as error:
                self.context.problems.add(self.where, self.path, f"{error.what}. {error.hint}".strip())
        return self._entry

    @property
    def section(self) -> Section | None:
        """The settings of the selected component; None if there is no such component."""
        if self._section is None and self.entry is not None:
            record = self.entry.record
            settings: Any = record.config or record.shared
            base = settings() if settings else None
            self._section = Section(settings, base, self.path, f"{self.kind} '{record.name}'", self.context)
        return self._section

    def finish(self) -> Component:
        """Return the chosen component; its record and its origin are noted."""
        section, entry = self.section, self.entry
        if section is None or entry is None:
            return Component(self.name)
        self.context.origins[self.path] = str(self.where)
        self.context.records[self.path] = entry.record
        settings = section.finish() if section.settings else None
        return Component(self.name, settings, entry.distribution)

    def _keep(self, section: Section, entry: Entry, all_of_it: bool) -> None:
        shared = fields_of(section.settings if all_of_it else entry.record.shared)
        fresh = self.section
        if fresh is not None:
            fresh.children.update({name: child for name, child in section.children.items() if name in shared})

    def _not_a_name(self, node: Node) -> None:
        names = ", ".join(self.context.catalogue.names(self.kind)[:8])
        message = f"expected one {self.kind} by name ({names}, ...) or a mapping with 'name' and settings"
        self.context.problems.add(node.where, self.path, message)


class Table:
    """A place where any number of components are selected, each under a key; the key is its name unless it says so."""

    def __init__(self, kind: str, default: Mapping[str, Component], path: str, context: Context) -> None:
        self.kind, self.path, self.context = kind, path, context
        self.slots = {key: Slot(kind, chosen.name, join(path, key), context) for key, chosen in default.items()}

    def apply(self, node: Node) -> None:
        """Take one layer: each key adds or changes an entry, null removes it; null for all removes them all."""
        whole = node.own if isinstance(node, Entries) else node
        if isinstance(whole, Leaf) and whole.value is None and whole.text:
            self.slots.clear()
        elif whole is not None and not is_blank(whole):
            self.context.problems.add(node.where, self.path, f"expected a mapping from {self.kind} to its settings")
        for key, item in node.items.items() if isinstance(node, Entries) else ():
            self._apply_key(key, item)

    def finish(self) -> dict[str, Component]:
        """Return the chosen components by key."""
        return {key: slot.finish() for key, slot in self.slots.items()}

    def _apply_key(self, key: str, node: Node) -> None:
        path = join(self.path, key)
        if isinstance(node, Leaf) and node.value is None:
            self._remove(key, node, path)
            return
        if "." in key:
            self.context.problems.add(node.where, path, "a key here cannot hold a dot")
            return
        if key not in self.slots:
            named = selection(node)
            name = named.text if isinstance(named, Leaf) else key
            self.slots[key] = Slot(self.kind, name, path, self.context, node.where)
        self.slots[key].apply(node)

    def _remove(self, key: str, node: Leaf, path: str) -> None:
        if not node.text:
            self.context.problems.add(node.where, path, "is empty: write {} to add it or null to remove it")
        elif self.slots.pop(key, None) is None:
            Slot(self.kind, key, path, self.context, node.where).entry  # noqa: B018 - notes an unknown name


def selection(node: Node) -> Node | None:
    """What a node selects: a name, or None if it only sets something. Whether the name exists is not looked at."""
    if isinstance(node, Entries):
        return node.own if node.own is not None else node.items.get("name")
    return node if isinstance(node, Leaf) else None


def is_blank(node: Node) -> bool:
    """Whether nothing was written: ``probes:`` with an empty rest."""
    return isinstance(node, Leaf) and node.value is None and not node.text


def join(path: str, key: str) -> str:
    """The path of a key."""
    return f"{path}.{key}" if path else key
