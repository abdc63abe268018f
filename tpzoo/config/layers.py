"""The layers of a config: the chain of files that extend one another, and the overrides of the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tpzoo.config.document import read_file
from tpzoo.config.nodes import Entries, Items, Leaf, Node
from tpzoo.config.overrides import read_overrides
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.plugin.discovery import is_file, plugin_key


@dataclass
class Layers:
    """What was written, weakest first, and the plugins that it asks for."""

    entries: list[Entries] = field(default_factory=list)
    plugins: dict[str, Where] = field(default_factory=dict)


def read_layers(path: Path | None, overrides: Sequence[str], problems: Problems) -> Layers:
    """Read the file, the files that it extends, and the overrides."""
    layers = Layers()
    for file, entries in reversed(_chain(path, problems)):
        _take_plugins(entries, file.parent, layers, problems)
        layers.entries.append(entries)
    command = read_overrides(overrides, problems)
    if "extends" in command.items:
        problems.add(command.items.pop("extends").where, "", "only a file can extend another")
    _take_plugins(command, None, layers, problems)
    layers.entries.append(command)
    return layers


def _chain(path: Path | None, problems: Problems) -> list[tuple[Path, Entries]]:
    """The file, the file that it extends, and so on."""
    chain: list[tuple[Path, Entries]] = []
    seen: set[Path] = set()
    where = Where(COMMAND_LINE)
    while path is not None:
        if path.resolve() in seen:
            problems.add(where, "extends", f"{path} extends itself, by way of the files that it extends")
            break
        seen.add(path.resolve())
        entries = read_file(path, where, problems)
        if entries is None:
            break
        chain.append((path, entries))
        base = entries.items.pop("extends", None)
        where = base.where if base is not None else where
        path = _base(path, base, problems)
    return chain


def _base(path: Path, base: Node | None, problems: Problems) -> Path | None:
    if base is None:
        return None
    if not isinstance(base, Leaf) or not base.text or "\0" in base.text:
        problems.add(base.where, "extends", "expected the path of one file, relative to this file")
        return None
    return Path(os.path.normpath(path.parent / base.text))


def _take_plugins(entries: Entries, folder: Path | None, layers: Layers, problems: Problems) -> None:
    """Move the plugins that a layer asks for out of it. Layers add to each other: none can unload a plugin."""
    node = entries.items.pop("plugins", None)
    if node is None:
        return
    leaves = node.items if isinstance(node, Items) else (node,)
    for leaf in leaves:
        if not isinstance(leaf, Leaf) or not leaf.text or "\0" in leaf.text:
            problems.add(leaf.where, "plugins", "expected a list of paths of Python files")
            continue
        message = None if folder is None else _refused(folder, leaf.text)
        if message:
            problems.add(leaf.where, "plugins", message)
        else:
            name = leaf.text if folder is None or not is_file(leaf.text) else str(folder / leaf.text)
            layers.plugins.setdefault(plugin_key(name), leaf.where)


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
