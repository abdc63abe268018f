"""The merge of all layers into one tree: which component stands at each place, and what each setting was last set to.

Layers are applied weakest first. At every place a layer's selection is applied before its settings. Another component
drops what weaker layers set, except for the settings that all components of its kind share. A value is replaced whole.
Nothing is left here for OmegaConf's own merge, which joins tables by name, keeps the settings of a component that was
replaced and lets ``???`` pass: what is merged is plain dicts, by the few lines of :meth:`Merge.section`.
"""

from __future__ import annotations

from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.config.fields import Field, fields_of
from tpzoo.config.problems import Problems, Where
from tpzoo.config.tree import OWN, Layer, Path, Tree, is_blank, selection, settings_in, value_of
from tpzoo.errors import UnknownComponentError
from tpzoo.plugin.catalogue import Catalogue, Entry
from tpzoo.plugin.records import TargetRule
from tpzoo.plugin.settings import Component

AXES = ("feedback", "learner")
"""What a rule that uses no feedback turns into ``none``."""


class Merge:
    """The merged tree so far.

    Attributes:
        made: the tree and its places; a component is a dict with its ``name``.
    """

    def __init__(self, catalogue: Catalogue, problems: Problems) -> None:
        self.catalogue, self.problems = catalogue, problems
        self.made = Layer()
        self._displaced: dict[str, Tree] = {}

    def apply(self, layer: Layer) -> None:
        """Take one layer of a whole config.

        A rule that uses no feedback, such as backprop, turns ``feedback`` and ``learner`` into ``none``, for the layer
        that selects it and where that layer does not set them itself. A stronger layer that selects another rule gets
        back what was there before.
        """
        tree = self.made.tree
        selects = selection(layer.tree.get("rule")) is not None
        if selects:
            tree.update(self._displaced)
            self._displaced = {}
        self.section(Experiment, Experiment(), layer, (), ())
        for axis in AXES:
            if selection(layer.tree.get(axis)) is not None:
                self._displaced.pop(axis, None)
        if selects and not self._uses_feedback():
            for axis in AXES:
                if axis not in layer.tree:
                    self._displace(axis)

    def notices(self) -> list[str]:
        """One line if an axis is ``none`` only because of the rule."""
        if not self._displaced:
            return []
        return [f"{' and '.join(self._displaced)}: none, because the rule '{self._rule()}' uses no feedback"]

    def section(
        self, settings: Any, base: Any, layer: Layer, source: Path, target: Path, is_component: bool = False
    ) -> None:
        """Take the settings that a layer has at ``source`` for a dataclass whose place is ``target``."""
        known = fields_of(settings)
        beside = {key: name for name, field in known.items() for key in field.metadata.get("beside", ())}
        given = _at(layer.tree, source)
        items = settings_in(given) if is_component else given.items()
        for key, tree in sorted(items, key=lambda item: item[0] not in known):
            if key not in known and key in beside:
                nested = known[beside[key]]
                part = Layer({nested.name: {key: tree}}, {(nested.name, key): layer.where((*source, key))})
                self._field(nested, getattr(base, nested.name), part, (nested.name,), (*target, nested.name))
            elif key in known:
                self._field(known[key], getattr(base, key), layer, (*source, key), (*target, key))
            else:  # the validator refuses it, at its place
                self._set(layer, (*source, key), (*target, key))

    def _field(self, field: Field, default: Any, layer: Layer, source: Path, target: Path) -> None:
        tree = _at(layer.tree, source)
        if field.role == "component":
            self._component(field.kind, default.name, layer, source, target)
        elif field.role == "table":
            self._table(field.kind, default, layer, source, target)
        elif field.role == "group" and isinstance(tree, dict) and OWN not in tree:
            self._place(target, {})
            self.section(field.hint, default, layer, source, target)
        elif field.role == "leaf" or not is_blank(tree):
            self._set(layer, source, target)

    def _component(self, kind: str, default: str, layer: Layer, source: Path, target: Path) -> None:
        tree = _at(layer.tree, source)
        current = self._place(target, {"name": default})
        named = selection(tree) if not isinstance(tree, list) else tree
        if named is not None and (not isinstance(named, str) or not named.strip()):
            self._not_a_name(kind, layer.where(source), target)
        elif named is not None:
            own = OWN if isinstance(tree, dict) and OWN in tree else "name"
            self.made.places[(*target, "name")] = layer.where((*source, own) if isinstance(tree, dict) else source)
            self._select(kind, current, str(named), target)
        entry = self.find(kind, str(current["name"]), target)
        if entry is not None and isinstance(tree, dict):
            settings: Any = entry.record.config or entry.record.shared
            self.section(settings, settings() if settings else None, layer, source, target, is_component=True)

    def _select(self, kind: str, current: dict[str, Tree], name: str, target: Path) -> None:
        """Put another component in place; what it shares with the one before stays."""
        if current["name"] == name:
            return
        before, current["name"] = self._quietly(kind, str(current["name"])), name
        after = self.find(kind, name, target)
        if before is None or after is None or before.record is not after.record:
            shared = fields_of(after.record.shared) if after is not None else {}
            for key in [key for key in current if key != "name" and key not in shared]:
                del current[key]

    def _table(self, kind: str, default: Any, layer: Layer, source: Path, target: Path) -> None:
        tree = _at(layer.tree, source)
        table = self._place(target, {key: {"name": chosen.name} for key, chosen in default.items()})
        whole = tree.get(OWN) if isinstance(tree, dict) else tree
        if isinstance(whole, str) and whole and _is_null(whole):
            table.clear()
        elif whole is not None and not is_blank(whole):
            self._problem(layer, source, f"expected a mapping from {kind} to its settings")
        for key, item in settings_in({**tree, "name": None} if isinstance(tree, dict) else {}):
            self._entry(kind, key, item, table, layer, (*source, key), (*target, key))
        if isinstance(tree, dict) and tree.get("name") is not None:
            self._entry(kind, "name", tree["name"], table, layer, (*source, "name"), (*target, "name"))

    def _entry(
        self, kind: str, key: str, tree: Tree, table: dict[str, Tree], layer: Layer, source: Path, target: Path
    ) -> None:
        """One entry of a table: added or changed; null removes it."""
        if isinstance(tree, str) and is_blank(tree):
            self._problem(layer, source, "is empty: write {} to add it or null to remove it")
        elif isinstance(tree, str) and _is_null(tree):
            if table.pop(key, None) is None:
                self.made.places[(*target, "name")] = layer.where(source)
                self.find(kind, key, target)  # notes an unknown name
        elif "." in key:
            self._problem(layer, source, "a key here cannot hold a dot")
        else:
            named = selection(tree)
            if key not in table:
                self.made.places[(*target, "name")] = layer.where(source)
            self._component(kind, str(named) if isinstance(named, str) else key, layer, source, target)

    def find(self, kind: str, name: str, path: Path) -> Entry | None:
        """The component of that name; None, with the reason noted at its place, if there is none."""
        try:
            return self.catalogue.find(kind, name)
        except UnknownComponentError as error:
            where = self.made.where((*path, "name"))
            self.problems.add(where, ".".join(path), f"{error.what}. {error.hint}".strip())
        return None

    def _quietly(self, kind: str, name: str) -> Entry | None:
        """The component of that name; None if there is none, which was noted when it was selected."""
        try:
            return self.catalogue.find(kind, name)
        except UnknownComponentError:
            return None

    def _place(self, target: Path, default: dict[str, Tree]) -> dict[str, Tree]:
        """The dict at ``target``, put there if there is none."""
        place = self.made.tree
        for key in target[:-1]:
            place = place.setdefault(key, {})
        found = place.get(target[-1])
        if not isinstance(found, dict):
            found = place[target[-1]] = default
        return found

    def _set(self, layer: Layer, source: Path, target: Path) -> None:
        place = self.made.tree
        for key in target[:-1]:
            place = place.setdefault(key, {})
        place[target[-1]] = _at(layer.tree, source)
        self.made.take(layer, source, target)

    def _rule(self) -> str:
        return str(self._place(("rule",), {"name": Experiment().rule.name})["name"])

    def _uses_feedback(self) -> bool:
        entry = self.find("rule", self._rule(), ("rule",))
        return entry is None or not isinstance(entry.record, TargetRule) or entry.record.uses_feedback

    def _displace(self, axis: str) -> None:
        chosen: Component = getattr(Experiment(), axis)
        before = self._place((axis,), {"name": chosen.name})
        if before["name"] != "none":
            self._displaced[axis] = before
            self.made.tree[axis] = {"name": "none"}
            self.made.places[(axis, "name")] = Where(f"the rule '{self._rule()}' uses no feedback")

    def _problem(self, layer: Layer, source: Path, message: str) -> None:
        self.problems.add(layer.where(source), ".".join(source), message)

    def _not_a_name(self, kind: str, where: Where, path: Path) -> None:
        names = ", ".join(self.catalogue.names(kind)[:8])
        message = f"expected one {kind} by name ({names}, ...) or a mapping with 'name' and settings"
        self.problems.add(where, ".".join(path), message)


def _at(tree: Tree, path: Path) -> Tree:
    for key in path:
        tree = tree[key]
    return tree


def _is_null(text: str) -> bool:
    return value_of(text) is None
