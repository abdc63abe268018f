"""Which combinations of components are legal: the product of the axes of a method, less what cannot work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tpzoo.assembly.legality import provided, unfulfilled
from tpzoo.assembly.method import takes_a_map
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import Record

AXES = ("feedback", "feedback.map", "learner", "rule", "rule.update", "output")
"""The places in a config that :func:`legal_combinations` chooses a component for."""

_NOBODY: Mapping[str, Record] = MappingProxyType({})


def legal_combinations(catalogue: Catalogue, beside: Mapping[str, Record] = _NOBODY) -> Iterator[dict[str, Record]]:
    """Yield every combination of feedback path, map, learner, rule, update and output that can work.

    A path without the setting ``map`` gives combinations without the place ``feedback.map``. A requirement that only
    components outside of these axes can fulfil, such as an architecture, counts as fulfilled unless ``beside`` names
    the component of that kind.

    Args:
        beside: chosen components of other places, such as ``{"architecture": ...}``; they are not repeated in what is
            yielded.

    Yields:
        place in the config -> record, in the order of :data:`AXES`.
    """
    open_to = _open_capabilities(catalogue, {record.kind for record in beside.values()})
    for chosen in _product(catalogue):
        if not unfulfilled({**beside, **chosen}, open_to):
            yield chosen


def _product(catalogue: Catalogue) -> Iterator[dict[str, Record]]:
    records = {kind: [entry.record for entry in catalogue.entries(kind)] for kind in ("feedback", "map")}
    kinds = ("learner", "rule", "update", "output")
    rest = [[entry.record for entry in catalogue.entries(kind)] for kind in kinds]
    for path in records["feedback"]:
        for form in records["map"] if takes_a_map(path) else [None]:
            maps = {} if form is None else {"feedback.map": form}
            for found in itertools.product(*rest):
                learner, rule, update, output = found
                yield {
                    "feedback": path,
                    **maps,
                    "learner": learner,
                    "rule": rule,
                    "rule.update": update,
                    "output": output,
                }


def _open_capabilities(catalogue: Catalogue, decided: set[str]) -> set[str]:
    """What some component outside of the axes provides, of a kind that nobody has decided on."""
    axes = {place.rpartition(".")[2] for place in AXES}
    undecided = (entry.record for entry in catalogue.entries() if entry.record.kind not in axes | decided)
    return {capability for record in undecided for capability in provided(record)}
