"""Load a config: read all layers, look the components up, merge everything typed, and freeze it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.legality import check_compatible
from tpzoo.config.implied import Implied
from tpzoo.config.layers import Layers, read_layers
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.resolved import LoadedConfig
from tpzoo.config.state import Context, Section
from tpzoo.plugin.catalogue import Catalogue, quote
from tpzoo.plugin.discovery import load_catalogue, plugin_key, with_plugins


def load(
    path: Path | None,
    overrides: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    plugins: Sequence[str] = (),
) -> LoadedConfig:
    """Load a config from a YAML file and overrides of the command line.

    Args:
        path: the file, or None for the defaults.
        overrides: ``key=value``, stronger than the file.
        catalogue: where components are looked up; None loads every plugin that is installed. Plugins that the config
            names are added.
        plugins: further plugins, as ``--plugin`` names them: files or modules.

    Raises:
        ConfigError: one line for each problem of the config, with its place and what would work.
        CompatibilityError: the chosen components cannot work together.
    """
    problems = Problems()
    layers = read_layers(Path(path) if path is not None else None, overrides, problems)
    for name in plugins:
        layers.plugins.setdefault(plugin_key(name), Where(COMMAND_LINE, f"--plugin {name}"))
    names = list(layers.plugins)
    catalogue = load_catalogue(names) if catalogue is None else with_plugins(catalogue, names)
    _report_plugins(layers, catalogue, problems)
    loaded = _merge(layers, catalogue, problems, path)
    check_compatible(loaded.records, catalogue)
    return loaded


def _merge(layers: Layers, catalogue: Catalogue, problems: Problems, path: Path | None) -> LoadedConfig:
    context = Context(catalogue, problems)
    root = Section(Experiment, Experiment(), "", "", context)
    implied = Implied(root)
    for entries in layers.entries:
        implied.apply(entries)
    experiment: Experiment = root.finish()
    problems.raise_any()
    if not experiment.name:
        experiment = replace(experiment, name=_default_name(path, experiment))
        context.origins["name"] = "default: from the name of the file" if path else "default"
    experiment = replace(experiment, plugins=tuple(layers.plugins))
    context.origins["plugins"] = ", ".join(map(str, layers.plugins.values())) or "default"
    return LoadedConfig(experiment, context.origins, implied.notices(), context.records, catalogue)


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
    name = Path(path).stem if path is not None else f"{experiment.data.name}-{experiment.rule.name}"
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "experiment"
