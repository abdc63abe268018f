"""Load a config: read its layers, validate them as one, and say what was decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.legality import check_compatible
from tpzoo.config.implied import notices, with_implied
from tpzoo.config.layers import Layers, read_layers
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.resolved import LoadedConfig
from tpzoo.config.validate import Validator
from tpzoo.plugin.catalogue import Catalogue, quote
from tpzoo.plugin.discovery import load_catalogue, plugin_key, with_plugins


def load(
    config: Path | str | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    plugins: Sequence[str] = (),
) -> LoadedConfig:
    """Load a config and put overrides of the command line over it.

    Args:
        config: a YAML file; a text may also be the name of a recipe, such as ``mnist/dtp``. A mapping says what a file
            in the current folder would. None is the defaults.
        overrides: ``key=value``, stronger than the file.
        catalogue: where components and recipes are looked up; None loads every plugin that is installed. Plugins that
            the config names are added.
        plugins: further plugins, as ``--plugin`` names them: files or modules.

    Raises:
        ConfigError: one line for each problem of the config, with its place and what would work.
        CompatibilityError: the chosen components cannot work together.
    """
    problems = Problems()
    catalogue = load_catalogue(plugins) if catalogue is None else with_plugins(catalogue, plugins)
    layers = read_layers(config, overrides, catalogue, problems)
    for name in plugins:
        layers.plugins.setdefault(plugin_key(name), Where(COMMAND_LINE, f"--plugin {name}"))
    catalogue = with_plugins(catalogue, list(layers.plugins))
    _report_plugins(layers, catalogue, problems)
    validator = Validator(catalogue, problems)
    stack = [(layer, layer.tree) for layer in with_implied(layers.found, catalogue)]
    experiment: Experiment = validator.settings(Experiment, Experiment(), stack)
    problems.raise_any()
    origins = validator.origins
    if not experiment.name:
        experiment = replace(experiment, name=_default_name(layers.file, experiment))
        origins["name"] = "default: from the name of the file" if layers.file else "default"
    experiment = replace(experiment, plugins=tuple(layers.plugins))
    origins["plugins"] = ", ".join(map(str, layers.plugins.values())) or "default"
    check_compatible(validator.records, catalogue)
    return LoadedConfig(experiment, origins, notices(origins, experiment.rule.name), validator.records, catalogue)


def _report_plugins(layers: Layers, catalogue: Catalogue, problems: Problems) -> None:
    """A plugin that was asked for and cannot be loaded is a problem of the config."""
    for plugin in catalogue.plugins:
        where = layers.plugins.get(plugin.key)
        if where is not None and plugin.error:
            problems.add(where, ("plugins",), quote(plugin.error))
        elif where is not None and plugin.blocked:
            problems.add(where, ("plugins",), f"plugin '{plugin.key}' is blocked by TPZOO_BLOCK")


def _default_name(path: Path | None, experiment: Experiment) -> str:
    """The stem of the file, made fit for a folder; without a file, what is learnt and how."""
    name = path.stem if path is not None else f"{experiment.data.name}-{experiment.rule.name}"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "experiment"
