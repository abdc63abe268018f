"""The recipes that come with tpzoo: in `configs/` of a checkout, inside the package of an installation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tpzoo.plugin.hookspecs import hookimpl
from tpzoo.plugin.records import Recipe

PACKAGE = Path(__file__).parent


def recipe_folder() -> Path:
    """The folder of the recipes that come with tpzoo."""
    checkout = PACKAGE.parent / "configs"
    installed = PACKAGE / "recipes_data"
    return checkout if checkout.is_dir() and not installed.is_dir() else installed


def is_base(path: Path) -> bool:
    """Whether a file holds what recipes share and is none itself: ``base.yaml`` or ``lenet_base.yaml``."""
    return path.stem == "base" or path.stem.endswith("_base")


def find_recipe(name: str) -> Path:
    """The file called ``name``, or the recipe of that name where there is no such file: ``mnist/dtp`` is one.

    A name that fits neither is returned as it is; reading it gives the error.
    """
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path
    relative = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    named = relative.with_name(relative.name + ".yaml")
    for candidate in (relative, *(() if is_base(named) else (named,))):
        if (recipe_folder() / candidate).is_file():
            return recipe_folder() / candidate
    return path


@hookimpl
def tpzoo_recipes() -> Iterator[Recipe]:
    """Yield every YAML file in the folder of the recipes but the bases, called by its path there: ``mnist/dtp``."""
    folder = recipe_folder()
    for path in sorted(path for path in folder.rglob("*.yaml") if not is_base(path)):
        name = path.relative_to(folder).with_suffix("").as_posix()
        yield Recipe(name=name, path=str(path))
