"""A rule that uses no feedback, such as backprop, turns ``feedback`` and ``learner`` into ``none``.

It does so for the layer that selects it, where that layer does not set them itself. A stronger layer that selects
another rule gets back what was there before.
"""

from __future__ import annotations

from tpzoo.config.nodes import Entries
from tpzoo.config.problems import Where
from tpzoo.config.state import Section, Slot, selection
from tpzoo.plugin.records import TargetRule

AXES = ("feedback", "learner")


class Implied:
    """Which axes are ``none`` because of the rule, and what they were before."""

    def __init__(self, root: Section) -> None:
        self.root = root
        self.displaced: dict[str, Slot] = {}

    def apply(self, entries: Entries) -> None:
        """Apply one layer to the root, with the consequences of the rule that it selects."""
        selects = "rule" in entries.items and selection(entries.items["rule"]) is not None
        if selects:
            self.root.children.update(self.displaced)
            self.displaced = {}
        self.root.apply(entries)
        for axis in AXES:
            if axis in entries.items and selection(entries.items[axis]) is not None:
                self.displaced.pop(axis, None)
        if selects and not self._uses_feedback():
            for axis in AXES:
                if axis not in entries.items:
                    self._displace(axis)

    def notices(self) -> list[str]:
        """One line if an axis is ``none`` only because of the rule."""
        if not self.displaced:
            return []
        axes = " and ".join(self.displaced)
        return [f"{axes}: none, because the rule '{self.root.child('rule').name}' uses no feedback"]

    def _uses_feedback(self) -> bool:
        entry = self.root.child("rule").entry
        return entry is None or not isinstance(entry.record, TargetRule) or entry.record.uses_feedback

    def _displace(self, axis: str) -> None:
        before: Slot = self.root.child(axis)
        if before.name == "none":
            return
        self.displaced[axis] = before
        where = Where(f"the rule '{self.root.child('rule').name}' uses no feedback")
        self.root.children[axis] = Slot(before.kind, "none", axis, self.root.context, where)
