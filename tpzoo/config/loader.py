"""Load a config: read all layers, make them plain and merge them, validate, and freeze the result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.legality import check_compatible
from tpzoo.config.layers import Layers, read_layers
from tpzoo.config.merge import Merge
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.resolved import LoadedConfig
from tpzoo.config.validate import Validator
from tpzoo.plugin.catalogue import Catalogue, quote
from tpzoo.plugin.discovery import load_catalogue, plugin_key, with_plugins
from tpzoo.recipes import find_recipe

Source = Path | str | Mapping[str, Any] | None


def load(
    config: Source,
    overrides: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    plugins: Sequence[str] = (),
) -> LoadedConfig:
    """Load a config and the overrides of a command line.

    Args:
        config: a YAML file; the name of a recipe, such as ``mnist/dtp``; a mapping, as a file would say it; or None for
            the defaults.
        overrides: ``key=value``, stronger than the config.
        catalogue: where components are looked up; None loads every plugin that is installed. Plugins that the config
            names are added.
        plugins: further plugins, as ``--plugin`` names them: files or modules.

    Raises:
        ConfigError: one line for each problem of the config, with its place and what would work.
        CompatibilityError: the chosen components cannot work together.
    """
    problems = Problems()
    source = find_recipe(config) if isinstance(config, str) else config
    layers = read_layers(source, overrides, problems)
    for name in plugins:
        layers.plugins.setdefault(plugin_key(name), Where(COMMAND_LINE, f"--plugin {name}"))
    names = list(layers.plugins)
    catalogue = load_catalogue(names) if catalogue is None else with_plugins(catalogue, names)
    _report_plugins(layers, catalogue, problems)
    loaded = _merged(layers, catalogue, problems, source if isinstance(source, Path) else None)
    check_compatible(loaded.records, catalogue)
    return loaded


def _merged(layers: Layers, catalogue: Catalogue, problems: Problems, path: Path | None) -> LoadedConfig:
    merge = Merge(catalogue, problems)
    for layer in layers.found:
        merge.apply(layer)
    validator = Validator(merge)
    experiment: Experiment = validator.section(Experiment, Experiment(), merge.made.tree, (), "")
    problems.raise_any()
    if not experiment.name:
        experiment = replace(experiment, name=_default_name(path, experiment))
        validator.origins["name"] = "default: from the name of the file" if path else "default"
    experiment = replace(experiment, plugins=tuple(layers.plugins))
    validator.origins["plugins"] = ", ".join(map(str, layers.plugins.values())) or "default"
    return LoadedConfig(experiment, validator.origins, merge.notices(), validator.records, catalogue)


def _report_plugins(layers: Layers, catalogue: Catalogue, problems: Problems) -> None:
    """A plugin that was asked for and cannot be loaded is a problem of the config."""
    for plugin in catalogue.plugins:
        where = layers.plugins.get(plugin.key)
        if where is not None and plugin.error:
            problems.add(where, "plugins", quote(plugin.error))
        elif where is not None and plugin.blocked:
            problems.add(where, "plugins", f"plugin '{plugin.key}' is blocked by TPZOO_BLOCK")


def _default_name(path: Path | None, experiment: Experiment) -> str:
    """The stem of the file, made fit for a folder; without a file, what is learnt and how."""
    name = path.stem if path is not None else f"{experiment.data.name}-{experiment.rule.name}"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "experiment"
