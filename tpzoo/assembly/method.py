"""What a method is made of: one entry of the catalogue, with its settings, on every axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.plugin.catalogue import Catalogue, normal_name
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import Component, NoSettings


@dataclass(frozen=True)
class Chosen:
    """An entry and its settings, an instance of the record's dataclass; :class:`NoSettings` if it declares none."""

    record: Record
    settings: Any = NoSettings()  # noqa: RUF009 - frozen, and the same for all


@dataclass(frozen=True)
class Method:
    """One entry for every axis.

    Attributes:
        map: what sits on every edge; None for a path without the setting ``map``.
        update: how displacements become changes of the weights; None for a rule without the setting ``update``.
    """

    architecture: Chosen
    feedback: Chosen
    map: Chosen | None
    learner: Chosen
    rule: Chosen
    update: Chosen | None
    output: Chosen
    loss: Chosen

    @property
    def records(self) -> dict[str, Record]:
        """The records by their places in a config, ``feedback.map`` and ``rule.update`` among them."""
        places = {"map": "feedback.map", "update": "rule.update"}
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {places.get(name, name): chosen.record for name, chosen in found.items() if chosen is not None}


def choose(kind: str, component: Component, catalogue: Catalogue) -> Chosen:
    """The entry that a config's choice stands for.

    Raises:
        UnknownComponentError: there is none of that name.
    """
    record = catalogue.find(kind, _full_name(component)).record
    return Chosen(record, NoSettings() if component.settings is None else component.settings)


def method_of(experiment: Experiment, catalogue: Catalogue) -> Method:
    """The method of an experiment; errors as :func:`choose`."""
    feedback = choose("feedback", experiment.feedback, catalogue)
    rule = choose("rule", experiment.rule, catalogue)
    return Method(
        choose("architecture", experiment.architecture, catalogue),
        feedback,
        nested(feedback, "map", catalogue),
        choose("learner", experiment.learner, catalogue),
        rule,
        nested(rule, "update", catalogue),
        choose("output", experiment.output, catalogue),
        choose("loss", experiment.loss, catalogue),
    )


def nested(chosen: Chosen, kind: str, catalogue: Catalogue) -> Chosen | None:
    """The entry of ``kind`` that a setting of ``chosen`` selects; None if it has no such setting."""
    name = _setting_of(type(chosen.settings), kind)
    return None if name is None else choose(kind, getattr(chosen.settings, name), catalogue)


def takes_a_map(path: Record) -> bool:
    """Whether a feedback path puts maps on its edges: whether it has a setting that selects one."""
    return _setting_of(path.config or path.shared, "map") is not None


def _setting_of(settings: type | None, kind: str) -> str | None:
    """The setting of a settings class that selects a component of ``kind``."""
    fields: Mapping[str, Any] = {} if settings is None else settings.__dataclass_fields__  # type: ignore[attr-defined]
    return next((name for name, field in fields.items() if field.metadata.get("component") == kind), None)


def _full_name(chosen: Component) -> str:
    """``distribution/name``, also where the config wrote it so; the bare name if no distribution is known."""
    written = normal_name(chosen.name.partition("/")[0]) == normal_name(chosen.distribution)
    return chosen.name if written or not chosen.distribution else f"{chosen.distribution}/{chosen.name}"
