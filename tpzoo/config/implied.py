"""A rule that uses no feedback, such as backprop, turns ``feedback`` and ``learner`` into ``none``.

It does so for the layer that selects it, where that layer does not set them itself. A stronger layer that selects
another rule, or a feedback, has its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tpzoo.config.layer import Layer
from tpzoo.config.problems import Where
from tpzoo.config.validate import selection
from tpzoo.errors import UnknownComponentError
from tpzoo.plugin.catalogue import OWN, Catalogue
from tpzoo.plugin.records import TargetRule

AXES = ("feedback", "learner")


def with_implied(layers: Sequence[Layer], catalogue: Catalogue) -> list[Layer]:
    """Return the layers with one more behind the last that selects a rule, if that rule uses no feedback."""
    for index in range(len(layers) - 1, -1, -1):
        tree = layers[index].tree
        chosen = selection(tree["rule"], ()) if "rule" in tree else None
        if chosen is not None:
            name, axes = chosen[0], [axis for axis in AXES if axis not in tree]
            implied = Layer(dict.fromkeys(axes, "none"), {(): Where(_reason(name))}, OWN)
            needed = [] if _uses_feedback(name, layers[index].owner, catalogue) else [implied]
            return [*layers[: index + 1], *needed, *layers[index + 1 :]]
    return list(layers)


def notices(origins: Mapping[str, str], rule: str) -> list[str]:
    """One line if an axis is ``none`` only because of the rule."""
    axes = " and ".join(axis for axis in AXES if origins.get(axis) == _reason(rule))
    return [f"{axes}: none, because {_reason(rule)}"] if axes else []


def _reason(rule: object) -> str:
    return f"the rule '{rule}' uses no feedback"


def _uses_feedback(name: object, owner: str, catalogue: Catalogue) -> bool:
    try:
        record = catalogue.find("rule", str(name), owner).record
    except UnknownComponentError:
        return True
    return not isinstance(record, TargetRule) or record.uses_feedback
