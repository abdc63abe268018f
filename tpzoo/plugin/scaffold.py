"""Write a new distribution with a plugin in it: a complete entry of one kind, with tests, ready to be changed.

The templates in ``tpzoo/templates`` are plugins that work as they are; writing one means putting the new names in.
"""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import tpzoo
from tpzoo.errors import PluginError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.suggest import name_hint

TEMPLATES = Path(tpzoo.__file__).parent / "templates"

SELECTIONS = {
    "architecture": "architecture=my_entry",
    "feedback": "feedback=my_entry",
    "map": "feedback.map=my_entry",
    "learner": "learner=my_entry",
    "output": "output=my_entry",
    "loss": "loss=my_entry",
    "rule": "rule=my_entry",
    "update": "rule.update=my_entry",
    "dataset": "data=my_entry",
    "probe": "probes.my_entry.every=10",
    "logger": "loggers.my_entry={}",
    "recipe": "",
}
"""The kinds that can be written, and the part of a config that selects the new entry."""

_DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """What the new distribution and its parts are called."""

    distribution: str
    kind: str

    @property
    def package(self) -> str:
        """``tpzoo_wiggle`` of ``tpzoo-wiggle``."""
        return self.distribution.replace("-", "_")

    @property
    def entry(self) -> str:
        """``wiggle`` of ``tpzoo-wiggle``."""
        return self.package.removeprefix("tpzoo_")

    @property
    def stem(self) -> str:
        """``Wiggle``: what the names of classes start with."""
        return "".join(part.capitalize() for part in self.entry.split("_"))

    def put_into(self, text: str) -> str:
        """A template's text with these names."""
        for placeholder, name in self._placeholders().items():
            text = text.replace(placeholder, name)
        return text

    def _placeholders(self) -> dict[str, str]:
        selection, module = SELECTIONS[self.kind], "recipe.yaml" if self.kind == "recipe" else f"{self.kind}.py"
        run = f"src/{self.package}/recipe.yaml" if self.kind == "recipe" else selection
        return {
            "MY_COMMAND": f"tpzoo train {run}",
            "MY_KIND": self.kind,
            "MY_SELECTION": selection,
            "my_module.py": module,
            f"tpzoo.templates.{self.kind}": self.package,
            "my-distribution": self.distribution,
            "my_package": self.package,
            "my_entry": self.entry,
            "MyEntry": self.stem,
        }


def write_distribution(name: str, kind: str, folder: Path, catalogue: Catalogue) -> list[Path]:
    """Write the distribution ``name`` into ``folder / name`` and return its files.

    Args:
        name: of the distribution, such as ``tpzoo-wiggle``; its entry is called ``wiggle``.
        kind: one of :data:`SELECTIONS`.
        catalogue: what there is already; the new entry must have a name of its own.

    Raises:
        PluginError: the name or the kind cannot be used, or ``folder / name`` exists. Nothing is written then.
    """
    names = _checked(name, kind, catalogue)
    top = folder / name
    if top.exists() or top.is_symlink():
        raise PluginError(f"{top} exists already", "choose another name or --directory: nothing is overwritten")
    texts = {top / place: names.put_into(path.read_text("utf-8")) for place, path in _files(names).items()}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise PluginError(f"{top} cannot be written: {error.strerror}", "choose another --directory") from error
    return list(texts)


def _files(names: Names) -> dict[str, Path]:
    """Where each template goes; a kind's own template stands in for the common one of the same name."""
    found = {path.name: path for each in ("common", names.kind) for path in sorted((TEMPLATES / each).iterdir())}
    return {_place(name, names): path for name, path in found.items() if path.is_file()}


def _place(name: str, names: Names) -> str:
    if name.startswith("test_"):
        return f"tests/{name}"
    top = name in ("pyproject.toml", "README.md", "conftest.py")
    return name if top else f"src/{names.package}/{name}"


def _checked(name: str, kind: str, catalogue: Catalogue) -> Names:
    if kind not in SELECTIONS:
        raise PluginError(f"a plugin of kind '{kind}' cannot be written", name_hint(kind, SELECTIONS))
    if not _DISTRIBUTION.fullmatch(name):
        hint = "use small letters and digits, with single hyphens between them, as in tpzoo-wiggle"
        raise PluginError(f"'{name}' cannot name a distribution", hint)
    names = Names(name, kind)
    problem = _taken(names, catalogue)
    if problem:
        raise PluginError(problem, "choose another name")
    return names


def _taken(names: Names, catalogue: Catalogue) -> str:
    """Why the names cannot be used, or nothing."""
    reserved = {"tpzoo", "tests", *sys.stdlib_module_names, *keyword.kwlist, *keyword.softkwlist}
    if names.package in reserved or not names.entry.isidentifier():
        return f"'{names.package}' cannot name a package of its own"
    if names.entry in catalogue.names(names.kind):
        return f"there is a {names.kind} '{names.entry}' already"
    made = {f"{names.stem}{suffix.capitalize()}" for suffix in ("settings", names.kind)}
    clash = sorted(made & set(dir(tpzoo)))
    return f"a class would have the name tpzoo.{clash[0]}" if clash else ""
