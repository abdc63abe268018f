"""tpzoo: a plugin-based zoo of target-propagation training methods for PyTorch.

Everything here is exported lazily: ``from tpzoo import TargetRule, hookimpl`` loads no torch, ``from tpzoo import
Block`` does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tpzoo.engine import (
        Activity,
        At,
        Batch,
        Block,
        Context,
        Data,
        DataSpec,
        Draw,
        Edge,
        Ends,
        Feedback,
        FeedbackMap,
        Learner,
        Logger,
        Loss,
        Network,
        Node,
        Output,
        Pass,
        Probe,
        Rule,
        Snapshot,
        Split,
        Trace,
    )
    from tpzoo.errors import (
        CheckpointError,
        CompatibilityError,
        ConfigError,
        DataError,
        DeviceError,
        PluginError,
        RunError,
        SettingError,
        TpzooError,
        UnknownComponentError,
    )
    from tpzoo.plugin.hookspecs import hookimpl
    from tpzoo.plugin.records import (
        Architecture,
        DataSet,
        DataSettings,
        FeedbackLearner,
        FeedbackPath,
        LossFunction,
        MapForm,
        MetricProbe,
        Optimizer,
        OptimizerSettings,
        OutputStrategy,
        Paper,
        ProbeSettings,
        Recipe,
        Record,
        RunLogger,
        Schedule,
        ScheduleSettings,
        TargetRule,
        Twin,
    )
    from tpzoo.plugin.settings import Component, PerName, component, components, per_block, per_edge, setting

_EXPORTS: dict[str, tuple[str, ...]] = {
    "tpzoo.errors": (
        "CheckpointError",
        "CompatibilityError",
        "ConfigError",
        "DataError",
        "DeviceError",
        "PluginError",
        "RunError",
        "SettingError",
        "TpzooError",
        "UnknownComponentError",
    ),
    "tpzoo.plugin.hookspecs": ("hookimpl",),
    "tpzoo.plugin.records": (
        "Architecture",
        "DataSet",
        "DataSettings",
        "FeedbackLearner",
        "FeedbackPath",
        "LossFunction",
        "MapForm",
        "MetricProbe",
        "Optimizer",
        "OptimizerSettings",
        "OutputStrategy",
        "Paper",
        "ProbeSettings",
        "Recipe",
        "Record",
        "RunLogger",
        "Schedule",
        "ScheduleSettings",
        "TargetRule",
        "Twin",
    ),
    "tpzoo.plugin.settings": ("Component", "PerName", "component", "components", "per_block", "per_edge", "setting"),
    "tpzoo.engine": (
        "Activity",
        "At",
        "Batch",
        "Block",
        "Context",
        "Data",
        "DataSpec",
        "Draw",
        "Edge",
        "Ends",
        "Feedback",
        "FeedbackMap",
        "Learner",
        "Logger",
        "Loss",
        "Network",
        "Node",
        "Output",
        "Pass",
        "Probe",
        "Rule",
        "Snapshot",
        "Split",
        "Trace",
    ),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Activity",
    "Architecture",
    "At",
    "Batch",
    "Block",
    "CheckpointError",
    "CompatibilityError",
    "Component",
    "ConfigError",
    "Context",
    "Data",
    "DataError",
    "DataSet",
    "DataSettings",
    "DataSpec",
    "DeviceError",
    "Draw",
    "Edge",
    "Ends",
    "Feedback",
    "FeedbackLearner",
    "FeedbackMap",
    "FeedbackPath",
    "Learner",
    "Logger",
    "Loss",
    "LossFunction",
    "MapForm",
    "MetricProbe",
    "Network",
    "Node",
    "Optimizer",
    "OptimizerSettings",
    "Output",
    "OutputStrategy",
    "Paper",
    "Pass",
    "PerName",
    "PluginError",
    "Probe",
    "ProbeSettings",
    "Recipe",
    "Record",
    "Rule",
    "RunError",
    "RunLogger",
    "Schedule",
    "ScheduleSettings",
    "SettingError",
    "Snapshot",
    "Split",
    "TargetRule",
    "TpzooError",
    "Trace",
    "Twin",
    "UnknownComponentError",
    "__version__",
    "component",
    "components",
    "hookimpl",
    "per_block",
    "per_edge",
    "setting",
]


if not TYPE_CHECKING:  # a checker that sees this would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'tpzoo' has no attribute '{name}'")
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
