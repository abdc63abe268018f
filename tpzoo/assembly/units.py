"""Whether forward gradients are divided into the units of backpropagation, and by what."""

from __future__ import annotations

import math
from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.method import Method
from tpzoo.assembly.parts import Parts
from tpzoo.engine.objective import GradientStep
from tpzoo.engine.units import GradientUnits
from tpzoo.engine.update import ScaledGradient
from tpzoo.errors import SettingError
from tpzoo.plugin.records import TargetRule

BACKPROP_UNITS = "backprop_units"
"""The capability: of a rule, an output target and an update that between them have a c."""

SETTING = "optimizer.forward.gradient_units=backprop"


def gradient_units(experiment: Experiment, method: Method, parts: Parts) -> GradientUnits | None:
    """What divides the forward gradients; None where they stay as they are, or are those of backpropagation.

    Raises:
        SettingError: there is no c: the rule, the output target or the update has none, or the nodes of a block differ
            in size; or rates are divided by the step size too.
    """
    settings: Any = experiment.optimizer.forward.settings
    if settings is None or settings.gradient_units == "rule":
        return None
    if settings.divide_by_step_size:
        what = f"{SETTING} and divide_by_step_size=true both take the step size out: the rate would have it twice"
        raise SettingError(what, "set one of them")
    targets = isinstance(method.rule.record, TargetRule) and method.rule.record.makes_displacements
    for place in ("rule", "output", "rule.update") if targets else ("rule",):
        record = method.records[place]
        if BACKPROP_UNITS not in record.provides:
            what = f"{SETTING}: {record.kind} '{record.name}' makes no multiple of backpropagation's gradient"
            raise SettingError(what, "use gradient_units=rule, or a rule, an output target and an update that do")
    if not targets:
        return None
    assert isinstance(parts.output, GradientStep)  # the conformance kit compares the types with `provides`
    assert isinstance(parts.update, ScaledGradient)
    return GradientUnits(parts.output, parts.update, _sizes(parts))


def _sizes(parts: Parts) -> dict[str, int]:
    """By block the units of a sample of its output."""
    network, found = parts.network, dict[str, int]()
    shapes = network.shapes
    for node in network.nodes:
        size = math.prod(shapes[node.name])
        if found.setdefault(node.block, size) != size:
            raise SettingError(f"{SETTING}: the nodes of block '{node.block}' differ in size, and have no common c")
    return found
