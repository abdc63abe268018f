"""The layers of a config: the files that extend one another, and the overrides of the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tpzoo.config.document import read_file
from tpzoo.config.overrides import read_overrides
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.config.tree import Layer, Tree, written
from tpzoo.plugin.discovery import is_file, plugin_key

MAPPING = "the mapping"


@dataclass
class Layers:
    """What was written, weakest first, and the plugins that it asks for."""

    found: list[Layer] = field(default_factory=list)
    plugins: dict[str, Where] = field(default_factory=dict)


def read_layers(config: Path | Mapping[str, Any] | None, overrides: Sequence[str], problems: Problems) -> Layers:
    """Read the config, the files that it extends, and the overrides."""
    layers, files = Layers(), _Files(problems)
    if isinstance(config, Path):
        files.read(config, Where(COMMAND_LINE), ())
    elif config is not None:
        files.add(Path("mapping"), Path.cwd(), Layer(written(config), {(): Where(MAPPING)}), ())
    for folder, layer in files.layers:
        _take_plugins(layer, folder, layers, problems)
        layers.found.append(layer)
    command = read_overrides(overrides, problems)
    if "extends" in command.tree:
        problems.add(command.where(("extends",)), "", "only a file can extend another")
        del command.tree["extends"]
    _take_plugins(command, None, layers, problems)
    layers.found.append(command)
    return layers


class _Files:
    """The files that a file extends, and those that they extend: weakest first, each once, where it is weakest."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.layers: list[tuple[Path, Layer]] = []
        self._read: set[Path] = set()

    def read(self, path: Path, asked: Where, above: tuple[Path, ...]) -> None:
        """Read a file after those that it extends; ``above`` are the files by way of which it is reached."""
        whole = path.resolve()
        if whole in above:
            self.problems.add(asked, "extends", f"{path} extends itself, by way of the files that it extends")
        elif whole not in self._read:
            self._read.add(whole)
            layer = read_file(path, asked, self.problems)
            if layer is not None:
                self.add(whole, path.parent, layer, above)
            self.problems.files.append(str(path))

    def add(self, whole: Path, folder: Path, layer: Layer, above: tuple[Path, ...]) -> None:
        """Add a layer after those that it extends."""
        bases = layer.tree.pop("extends", None)
        for i, base in enumerate(bases if isinstance(bases, list) else [] if bases is None else [bases]):
            where = layer.where(("extends", str(i)) if isinstance(bases, list) else ("extends",))
            if not isinstance(base, str) or not base or "\0" in base:
                self.problems.add(
                    where, "extends", "expected the path of a file, relative to this file, or a list of them"
                )
                continue
            self.read(Path(os.path.normpath(folder / base)), where, (*above, whole))
        self.layers.append((folder, layer))


def _take_plugins(layer: Layer, folder: Path | None, layers: Layers, problems: Problems) -> None:
    """Move the plugins that a layer asks for out of it. Layers add to each other: none can unload a plugin."""
    tree: Tree = layer.tree.pop("plugins", None)
    if tree is None:
        return
    for i, name in enumerate(tree if isinstance(tree, list) else [tree]):
        where = layer.where(("plugins", str(i)) if isinstance(tree, list) else ("plugins",))
        if not isinstance(name, str) or not name or "\0" in name:
            problems.add(where, "plugins", "expected a list of paths of Python files")
            continue
        message = None if folder is None else _refused(folder, name)
        if message:
            problems.add(where, "plugins", message)
        else:
            found = str(name) if folder is None or not is_file(name) else str(folder / name)
            layers.plugins.setdefault(plugin_key(found), where)


def _refused(folder: Path, name: str) -> str | None:
    """Why a config file may not load this plugin, or None.

    A config can come from a stranger, so it can load neither modules nor files from anywhere: only files that lie
    beside it or in the folder in which the user works.
    """
    if not name.endswith(".py"):
        return f"'{name}' is no Python file: a module is loaded by --plugin {name} or by TPZOO_PLUGINS"
    path = (folder / name).resolve()
    if any(path.is_relative_to(allowed.resolve()) for allowed in (folder, Path.cwd())):
        return None
    return f"'{name}' lies neither beside this file nor in the current folder: load it by --plugin {path}"
