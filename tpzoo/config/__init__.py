"""YAML and command line in, frozen dataclasses out.

What types a component's settings needs no YAML: the names here are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tpzoo.assembly.experiment import (
        Checkpoint as Checkpoint,
        Experiment as Experiment,
        FeedbackTraining as FeedbackTraining,
        Optimizers as Optimizers,
    )
    from tpzoo.config.describe import SettingRow as SettingRow, settings_table as settings_table
    from tpzoo.config.dump import dump_yaml as dump_yaml
    from tpzoo.config.idle import idle_overrides as idle_overrides
    from tpzoo.config.loader import load as load
    from tpzoo.config.origins import annotated_yaml as annotated_yaml
    from tpzoo.config.plain import to_plain as to_plain
    from tpzoo.config.resolved import LoadedConfig as LoadedConfig
    from tpzoo.config.single import settings_from as settings_from, smallest as smallest

_HOMES = {
    "tpzoo.assembly.experiment": ("Checkpoint", "Experiment", "FeedbackTraining", "Optimizers"),
    "tpzoo.config.describe": ("SettingRow", "settings_table"),
    "tpzoo.config.dump": ("dump_yaml",),
    "tpzoo.config.idle": ("idle_overrides",),
    "tpzoo.config.loader": ("load",),
    "tpzoo.config.origins": ("annotated_yaml",),
    "tpzoo.config.plain": ("to_plain",),
    "tpzoo.config.resolved": ("LoadedConfig",),
    "tpzoo.config.single": ("settings_from", "smallest"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tpzoo.config' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
