"""Load a config: read its layers, validate them as one, and say what was decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.legality import check_compatible, notices as notices_of
from tpzoo.config.implied import notices, with_implied
from tpzoo.config.layers import Layers, read_layers
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.resolved import LoadedConfig
from tpzoo.config.start import with_digest
from tpzoo.config.validate import Validator
from tpzoo.errors import PluginError
from tpzoo.plugin.catalogue import Catalogue, quote
from tpzoo.plugin.discovery import is_blocked, is_file, load_catalogue, plugin_key, with_plugins
from tpzoo.plugin.files import PluginFile, read_file
from tpzoo.plugin.trust import require_trust


def load(
    config: Path | str | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    plugins: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> LoadedConfig:
    """Load a config and put overrides over it, those of the command line and those from Python.

    Args:
        config: a YAML file; a text may also be the name of a recipe, such as ``mnist/dtp``. A mapping says what a file
            in the current folder would. None is the defaults.
        overrides: ``key=value``, stronger than the file.
        catalogue: where components and recipes are looked up; None loads every plugin that is installed. Plugins that
            the config names are added.
        plugins: further plugins, as ``--plugin`` names them: files or modules. A file takes the place of one of the
            same file name that the config asks for.
        settings: values by dotted path, ``{"optimizer.forward.lr": 0.1, "learner": "ldrl"}``, stronger than all else.

    Raises:
        UntrustedError: the config asks for a plugin file that the user has neither named nor trusted.
        ConfigError: one line for each problem of the config, with its place and what would work.
        CompatibilityError: the chosen components cannot work together.
    """
    problems = Problems()
    catalogue = load_catalogue(plugins) if catalogue is None else with_plugins(catalogue, plugins)
    layers = read_layers(config, overrides, catalogue, problems, settings)
    for name in plugins:
        layers.plugins[plugin_key(name)] = Where(COMMAND_LINE, f"--plugin {name}")
    replaced = _replace_plugins(layers, catalogue)
    catalogue = with_plugins(catalogue, _allowed(layers, catalogue, problems))
    _report_plugins(layers, catalogue, problems)
    validator = Validator(catalogue, problems)
    stack = [(layer, layer.tree) for layer in with_implied(layers.found, catalogue)]
    experiment: Experiment = validator.settings(Experiment, Experiment(), stack)
    experiment = with_digest(experiment, problems)
    problems.raise_any()
    origins = validator.origins
    if not experiment.name:
        experiment = replace(experiment, name=_default_name(layers.file, experiment))
        origins["name"] = "default: from the name of the file" if layers.file else "default"
    experiment = replace(experiment, plugins=tuple(layers.plugins))
    origins["plugins"] = ", ".join(map(str, layers.plugins.values())) or "default"
    check_compatible(validator.records, catalogue)
    said = [*replaced, *notices(origins, experiment.rule.name), *notices_of(validator.records)]
    return LoadedConfig(experiment, origins, said, validator.records, catalogue)


def _replace_plugins(layers: Layers, catalogue: Catalogue) -> list[str]:
    """Drop a config's plugin file where the user named another one of the same file name; a notice for each.

    Both would bring the same entries, and what the user names is stronger.
    """
    named = {key for key, where in layers.plugins.items() if where.source == COMMAND_LINE}
    named |= {plugin.key for plugin in catalogue.plugins if plugin.requested}
    stems = {Path(key).stem: key for key in named if is_file(key)}
    said = []
    for key in [key for key in layers.plugins if is_file(key) and key not in named]:
        if (other := stems.get(Path(key).stem)) is not None:
            said.append(f"plugin {other}: in place of {key}, which {layers.plugins.pop(key)} names")
    return said


def _allowed(layers: Layers, catalogue: Catalogue, problems: Problems) -> list[str | PluginFile]:
    """The plugins that are to be loaded; a file that only a config names must be trusted.

    Raises:
        UntrustedError: it is not.
    """
    loaded = {plugin.key for plugin in catalogue.plugins}
    allowed: list[str | PluginFile] = []
    for key, where in layers.plugins.items():
        if where.source == COMMAND_LINE or key in loaded:
            allowed.append(key)
            continue
        try:
            file = read_file(Path(key))
        except PluginError as error:
            problems.add(where, ("plugins",), quote(error))
        else:
            if not is_blocked(file.path):  # it would not run
                require_trust(file, str(where))
            allowed.append(file)
    return allowed


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
