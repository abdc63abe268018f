"""From a merged tree to frozen dataclasses: every component typed, every problem at its place, every origin noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tpzoo.config.fields import Field, fields_of
from tpzoo.config.merge import Merge
from tpzoo.config.problems import DEFAULT, Where
from tpzoo.config.tree import OWN, Path, is_blank, settings_in
from tpzoo.config.typed import INVALID, read
from tpzoo.errors import TpzooError
from tpzoo.plugin.catalogue import quote
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import Component
from tpzoo.plugin.suggest import did_you_mean, name_hint


@dataclass
class Validator:
    """Types what a merge came to.

    Attributes:
        origins: where each value comes from, by its path.
        records: the chosen record of every component, by its path.
    """

    merge: Merge
    origins: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    def section(self, settings: Any, base: Any, tree: Any, path: Path, owner: str) -> Any:
        """An instance of a settings dataclass from ``tree``; ``base`` where something is wrong with it.

        ``owner`` is the component whose settings these are, for messages; empty for the schema's own.
        """
        known, values = fields_of(settings), {}
        given = dict(settings_in(tree)) if owner else dict(tree)
        for key in given:
            if key not in known:
                self._problem((*path, key), self._unknown(key, known, owner, path))
        for name, declared in known.items():
            values[name] = self._value(declared, getattr(base, name), given, (*path, name), owner)
        try:
            return settings(**values)
        except (TpzooError, ValueError, TypeError) as error:  # a dataclass may check its settings against each other
            places = [self._where((*path, key)) for key in given if key in known]
            message = quote(error) if isinstance(error, TpzooError) else str(error)
            self.merge.problems.add(places[-1] if places else DEFAULT, ".".join(path), message)
            return base

    def component(self, kind: str, default: Component, tree: Any, path: Path) -> Component:
        """The chosen component; its record and its origin are noted."""
        tree = tree if isinstance(tree, dict) else {"name": default.name}
        name = str(tree["name"])
        entry = self.merge.find(kind, name, path)
        if entry is None:
            return Component(name)
        place = ".".join(path)
        self.origins[place], self.records[place] = str(self._where((*path, "name"))), entry.record
        settings: Any = entry.record.config or entry.record.shared
        owner = f"{kind} '{entry.record.name}'"
        if settings is None:
            for key, _ in settings_in(tree):
                self._problem((*path, key), f"not an option: {owner} has none")
            return Component(name, None, entry.distribution)
        return Component(name, self.section(settings, settings(), tree, path, owner), entry.distribution)

    def _value(self, declared: Field, default: Any, given: Mapping[str, Any], path: Path, owner: str) -> Any:
        tree = given.get(declared.name)
        if declared.role == "component":
            return self.component(declared.kind, default, tree, path)
        if declared.role == "table":
            table = tree if isinstance(tree, dict) else {key: {"name": chosen.name} for key, chosen in default.items()}
            return {
                key: self.component(declared.kind, Component(key), item, (*path, key)) for key, item in table.items()
            }
        if declared.role == "group":
            return self._group(declared, default, tree, path)
        origin = f"default of {owner}" if owner else str(DEFAULT)
        self.origins[".".join(path)] = str(self._where(path)) if declared.name in given else origin
        if declared.name not in given:
            return default
        value = read(declared.hint, declared.metadata, tree, lambda below, message: self._below(path, below, message))
        return default if value is INVALID else value

    def _group(self, declared: Field, default: Any, tree: Any, path: Path) -> Any:
        if tree is None or (isinstance(tree, dict) and OWN not in tree):
            return self.section(declared.hint, default, tree or {}, path, "")
        if not is_blank(tree):
            self._problem(path, f"expected a mapping with any of {', '.join(fields_of(declared.hint))}")
        return default

    def _below(self, path: Path, below: str, message: str) -> None:
        """Note a problem of a part of a value: ``.fc1`` or ``[2].kernel`` below ``path``."""
        parts = tuple(below.replace("[", ".").replace("]", "").split(".")[1:])
        self.merge.problems.add(self._where((*path, *parts)), ".".join(path) + below, message)

    def _where(self, path: Path) -> Where:
        return self.merge.made.where(path)

    def _problem(self, path: Path, message: str) -> None:
        self.merge.problems.add(self._where(path), ".".join(path), message)

    def _unknown(self, key: str, known: Mapping[str, Field], owner: str, path: Path) -> str:
        if not owner:
            options = known if path else [*known, "extends"]
            return f"unknown key. {did_you_mean(key, options)}".strip()
        return f"not an option of {owner}. {name_hint(key, known)}"
