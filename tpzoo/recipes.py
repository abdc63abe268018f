"""Where the recipes lie: in `configs/` of a checkout, inside the package of an installation."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def recipe_folder() -> Path:
    """The folder of the recipes that come with tpzoo."""
    checkout = PACKAGE.parent / "configs"
    installed = PACKAGE / "recipes_data"
    return checkout if checkout.is_dir() and not installed.is_dir() else installed


def find_recipe(name: str) -> Path:
    """The file called ``name``, or the recipe of that name where there is no such file: ``mnist/dtp`` is one.

    A name that fits neither is returned as it is; reading it gives the error.
    """
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path
    relative = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    for candidate in (relative, relative.with_name(relative.name + ".yaml")):
        if (recipe_folder() / candidate).is_file():
            return recipe_folder() / candidate
    return path
