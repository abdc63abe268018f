"""``tpzoo cite``: what to cite, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tpzoo.cli.options import open_catalogue, plugin_option, split

if TYPE_CHECKING:
    from tpzoo.plugin.records import Record


@click.command("cite")
@click.argument("overrides", nargs=-1, metavar="[KIND NAME | CONFIG [KEY=VALUE]...]")
@plugin_option
def command(overrides: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """Print what to cite, as BibTeX: tpzoo itself, the paper of one entry, or the papers behind a config.

    Without arguments it is tpzoo. KIND NAME is an entry that tpzoo list shows; CONFIG is a YAML file or a recipe, and
    KEY=VALUE changes it as in tpzoo train.
    """
    from tpzoo.plugin.bibtex import TPZOO, bibliography
    from tpzoo.plugin.records import KINDS

    if not overrides:
        click.echo(TPZOO)
        return
    records = list(of_entry(overrides, plugins) if overrides[0] in KINDS else of_config(overrides, plugins))
    for record in records:
        if record.paper is None and len(records) == 1:
            click.echo(f"{record.kind} '{record.name}' names no paper", err=True)
    papers = [record.paper for record in records if record.paper is not None]
    if papers:
        click.echo(bibliography(papers))


def of_entry(overrides: tuple[str, ...], plugins: tuple[str, ...]) -> Iterable[Record]:
    """The record that ``KIND NAME`` means."""
    if len(overrides) != 2:
        raise click.UsageError(f"give one name after the kind '{overrides[0]}'")
    return [open_catalogue(plugins).find(*overrides).record]


def of_config(overrides: tuple[str, ...], plugins: tuple[str, ...]) -> Iterable[Record]:
    """The components that a config chooses, and the recipe that it is."""
    from tpzoo.config import load
    from tpzoo.config.layers import find_config

    config, settings = split(overrides)
    loaded = load(config, settings, plugins=plugins)
    recipes = (entry.record for entry in loaded.catalogue.entries("recipe"))
    own = [record for record in recipes if config and _is_same(record, find_config(config, loaded.catalogue))]
    return [*own, *loaded.records.values()]


def _is_same(record: Record, config: Path) -> bool:
    return Path(getattr(record, "path", "")).resolve() == config.resolve()
