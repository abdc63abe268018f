"""Refuse a combination of components that cannot work, before anything is built.

Records say what they provide and what they require. Some capabilities are implied: a feedback path other than ``none``
provides ``feedback``; a rule that uses feedback, and a learner other than ``none``, require it. A rule that makes
displacements provides ``displacements``; every update but the default requires it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from tpzoo.errors import CompatibilityError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import DEFAULT_UPDATE, FeedbackLearner, FeedbackPath, Record, TargetRule, WeightUpdate

FEEDBACK = "feedback"
DISPLACEMENTS = "displacements"


def check_compatible(components: Mapping[str, Record], catalogue: Catalogue) -> None:
    """Refuse components that cannot work together.

    Args:
        components: the chosen record of every axis, by its place in the config (``rule``, ``feedback.map``).
        catalogue: where to look for what would work instead.

    Raises:
        CompatibilityError: one sentence for each requirement that nothing fulfils; it names both parts.
    """
    problems = incompatibilities(components, catalogue)
    if problems:
        raise CompatibilityError("\n".join(problems))


def incompatibilities(components: Mapping[str, Record], catalogue: Catalogue) -> list[str]:
    """Return one sentence for each requirement of a chosen component that no other fulfils."""
    sentences = []
    for place, capability in unfulfilled(components):
        others = [other for where, other in components.items() if where != place]
        sentences.append(_sentence(components[place], capability, others, catalogue))
    return list(dict.fromkeys(sentences))


def unfulfilled(components: Mapping[str, Record], open_to: Container[str] = ()) -> list[tuple[str, str]]:
    """Return the place and the capability of each requirement that no other component fulfils: the test itself.

    Args:
        components: the chosen record of every axis, by its place in the config.
        open_to: capabilities that count as provided.
    """
    offered = {place: set(provided(record)) for place, record in components.items()}
    return [
        (place, capability)
        for place, record in components.items()
        for capability in required(record)
        if capability not in open_to
        if not any(capability in found for where, found in offered.items() if where != place)
    ]


def notices(components: Mapping[str, Record]) -> list[str]:
    """What the records of chosen components say of one another: a line for each combination that may disappoint.

    Args:
        components: the chosen record of every axis, by its place in the config.
    """
    return [
        f"{record.kind} '{record.name}' with {other.kind} '{other.name}': {record.notices[said]}"
        for record in components.values()
        for other in components.values()
        if (said := f"{other.kind} {other.name}") in record.notices
    ]


def partners(record: Record, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return, for each capability that ``record`` requires, the components that provide it, as ``kind name``."""
    return {
        capability: [f"{kind} {name}" for kind, names in _suppliers(capability, catalogue).items() for name in names]
        for capability in required(record)
    }


def wanted_by(record: Record, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return, for each capability that ``record`` provides, the components that require it, as ``kind name``."""
    return {
        capability: [
            f"{entry.record.kind} {entry.record.name}"
            for entry in catalogue.entries()
            if capability in required(entry.record)
        ]
        for capability in provided(record)
    }


def provided(record: Record) -> tuple[str, ...]:
    """What ``record`` offers to other components, implied capabilities included."""
    if isinstance(record, FeedbackPath) and record.name != "none":
        return (*record.provides, FEEDBACK)
    if isinstance(record, TargetRule) and record.makes_displacements:
        return (*record.provides, DISPLACEMENTS)
    return record.provides


def required(record: Record) -> tuple[str, ...]:
    """What ``record`` needs from other components, implied capabilities included."""
    rule = isinstance(record, TargetRule) and record.uses_feedback
    learner = isinstance(record, FeedbackLearner) and record.name != "none"
    if rule or learner:
        return (*record.requires, FEEDBACK)
    if isinstance(record, WeightUpdate) and record.name != DEFAULT_UPDATE:
        return (*record.requires, DISPLACEMENTS)
    return record.requires


def _sentence(record: Record, capability: str, others: Iterable[Record], catalogue: Catalogue) -> str:
    suppliers = _suppliers(capability, catalogue)
    who = f"{record.kind} '{record.name}' requires '{capability}'"
    if not suppliers:
        return f"{who}, which no component that is installed provides."
    lacking = [other for other in others if other.kind in suppliers]
    which = " and ".join(f"{other.kind} '{other.name}'" for other in lacking)
    gap = f"which {which} does not provide" if which else "which no chosen component provides"
    instead = "; or ".join(f"{kind} {_either(names)}" for kind, names in suppliers.items())
    return f"{who}, {gap}: use {instead}."


def _suppliers(capability: str, catalogue: Catalogue) -> dict[str, list[str]]:
    """Kind -> names of the entries that provide ``capability``."""
    found: dict[str, list[str]] = {}
    for entry in catalogue.entries():
        if capability in provided(entry.record):
            found.setdefault(entry.record.kind, []).append(entry.record.name)
    return found


def _either(names: list[str], limit: int = 5) -> str:
    shown = [f"'{name}'" for name in names[:limit]]
    return ", ".join(shown) + (", ..." if len(names) > limit else "")
