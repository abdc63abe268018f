"""The layers of a config: the files that extend one another and the overrides, weakest first.

`extends` names one base or a list of them, weakest first; each may extend others. A file that is reached twice counts
once, at its weakest place. Plugins that a layer asks for are taken out of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tpzoo.config.document import read_file
from tpzoo.config.layer import Layer, layer_of
from tpzoo.config.overrides import read_overrides, read_settings
from tpzoo.config.problems import COMMAND_LINE, Problems, Where
from tpzoo.errors import UnknownComponentError
from tpzoo.plugin.catalogue import OWN, Catalogue
from tpzoo.plugin.discovery import is_file, plugin_key
from tpzoo.plugin.suggest import did_you_mean
from tpzoo.recipes import find_recipe, recipe_folder


@dataclass
class Layers:
    """What was written, weakest first, the plugins that it asks for, and the file that was asked for, if one was."""

    found: list[Layer] = field(default_factory=list)
    plugins: dict[str, Where] = field(default_factory=dict)
    file: Path | None = None


def find_config(name: str, catalogue: Catalogue) -> Path:
    """The file called ``name``, or that of the recipe: one that comes with tpzoo, or a plugin's.

    A name that fits none is returned as it is; reading it gives the error.
    """
    path = find_recipe(name)
    return path if path.exists() else _recipe(name, catalogue) or path


def _recipe(name: str, catalogue: Catalogue) -> Path | None:
    try:
        return Path(getattr(catalogue.find("recipe", name).record, "path", ""))
    except UnknownComponentError:
        return None


def _owner(path: Path, catalogue: Catalogue) -> str:
    """The distribution that brings the recipe in the file at ``path``; empty if none does."""
    if path.resolve().is_relative_to(recipe_folder().resolve()):
        return OWN
    recipes = ((Path(getattr(entry.record, "path", "")), entry.distribution) for entry in catalogue.entries("recipe"))
    return next((owner for recipe, owner in recipes if recipe.resolve() == path.resolve()), "")


def read_layers(
    config: Path | str | Mapping[str, Any] | None,
    overrides: Sequence[str],
    catalogue: Catalogue,
    problems: Problems,
    settings: Mapping[str, Any] | None = None,
) -> Layers:
    """Read a file, a recipe or a mapping, what it extends, and the overrides."""
    reader = _Reader(catalogue, problems)
    if isinstance(config, Mapping):
        reader.take(layer_of(config, Where("the mapping"), problems), Path(), ())
    elif config is not None:
        path = find_config(config, catalogue) if isinstance(config, str) else config
        reader.read(path, Where(COMMAND_LINE), (), "" if path is config else _nor_recipe(str(config), catalogue))
        reader.layers.file = path
    for layer in (read_overrides(overrides, problems), read_settings(settings or {}, problems)):
        tree = dict(layer.tree)
        if tree.pop("extends", None) is not None:
            problems.add(layer.where(("extends",)), (), "only a file can extend another")
        reader.take(replace(layer, tree=tree), None, ())
    return reader.layers


def _nor_recipe(name: str, catalogue: Catalogue) -> str:
    return f", nor a recipe of that name. {did_you_mean(name, catalogue.names('recipe'))}".rstrip()


class _Reader:
    """Reads files depth first: what a file extends stands before it."""

    def __init__(self, catalogue: Catalogue, problems: Problems) -> None:
        self.catalogue, self.problems, self.layers = catalogue, problems, Layers()
        self.seen: set[Path] = set()

    def read(self, path: Path, asked: Where, below: tuple[Path, ...], or_else: str) -> None:
        """Take a file with all that it extends.

        Args:
            asked: where it is asked for.
            below: the files that lead to it.
            or_else: what to say if there is no such file, beside that.
        """
        if path.resolve() in below:
            self.problems.add(asked, ("extends",), f"{path} extends itself, by way of the files that it extends")
        elif path.resolve() not in self.seen:
            self.seen.add(path.resolve())
            layer = read_file(path, asked, self.problems, or_else)
            if layer is not None:
                layer = replace(layer, owner=_owner(path, self.catalogue))
                self.take(layer, path.parent, (*below, path.resolve()))
            self.problems.files.append(str(path))

    def take(self, layer: Layer, folder: Path | None, below: tuple[Path, ...]) -> None:
        """Take a layer after all that it extends; files that it names lie in ``folder``."""
        tree = dict(layer.tree)
        expected = (
            "the path of a file, relative to this file, or a list of them, weakest first; a recipe's name will do"
        )
        for name, where in self._names(tree.pop("extends", ()), layer, "extends", expected):
            path = Path(os.path.normpath((folder or Path()) / name))
            recipe = None if path.exists() else _recipe(name, self.catalogue)
            self.read(recipe or path, where, below, _nor_recipe(name, self.catalogue))
        for name, where in self._names(tree.pop("plugins", ()), layer, "plugins", "a list of paths of Python files"):
            if folder is not None and not name.endswith(".py"):
                hint = f"a module is loaded by --plugin {name} or by TPZOO_PLUGINS"
                self.problems.add(where, ("plugins",), f"'{name}' is no Python file: {hint}")
            else:
                key = plugin_key(str((folder or Path()) / name) if is_file(name) else name)
                self.layers.plugins.setdefault(key, where)
        self.layers.found.append(replace(layer, tree=tree))

    def _names(self, node: Any, layer: Layer, key: str, expected: str) -> Iterator[tuple[str, Where]]:
        """The names in a list, or the only one, each with its place."""
        single = not isinstance(node, list | tuple)
        for index, name in enumerate([node] if single else node):
            where = layer.where((key,) if single else (key, index))
            if isinstance(name, str) and name and "\0" not in name:
                yield str(name), where
            else:
                self.problems.add(where, (key,), f"expected {expected}")
