"""YAML and command line in, frozen dataclasses out."""

from tpzoo.assembly.experiment import Checkpoint, Experiment, FeedbackTraining, Optimizers
from tpzoo.config.describe import SettingRow, settings_table
from tpzoo.config.loader import load
from tpzoo.config.origins import annotated_yaml
from tpzoo.config.resolved import LoadedConfig, dump_yaml, to_plain
from tpzoo.config.settings_from import settings_from, smallest

__all__ = [
    "Checkpoint",
    "Experiment",
    "FeedbackTraining",
    "LoadedConfig",
    "Optimizers",
    "SettingRow",
    "annotated_yaml",
    "dump_yaml",
    "load",
    "settings_from",
    "settings_table",
    "smallest",
    "to_plain",
]
