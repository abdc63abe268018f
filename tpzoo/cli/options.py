"""What several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tpzoo.plugin.catalogue import Catalogue

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="Load a plugin as well: a file (my_rule.py) or a module. May be given several times.",
)


def open_catalogue(plugins: tuple[str, ...]) -> Catalogue:
    """Load all plugins; one line on the standard error for each that cannot be used."""
    from tpzoo.plugin.discovery import load_catalogue

    catalogue = load_catalogue(plugins)
    for failure in catalogue.failures:
        if failure.error is not None:
            click.echo(f"Warning: {failure.error.what} (see tpzoo plugins)", err=True)
    return catalogue


def split(overrides: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The config and the overrides: what comes first and has no ``=``, or is a file, is the config or a recipe."""
    if overrides and ("=" not in overrides[0] or Path(overrides[0]).is_file()):
        return overrides[0], overrides[1:]
    return None, overrides
