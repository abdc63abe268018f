"""``tpzoo plugins``: which plugins there are, what they bring, and why one is not used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tpzoo.cli.options import plugin_option
from tpzoo.cli.table import print_table

if TYPE_CHECKING:
    from tpzoo.plugin.catalogue import PluginInfo

SHOWN = 40  # records of one plugin in the table; --json and `tpzoo list` show all


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@plugin_option
def command(as_json: bool, plugins: tuple[str, ...]) -> None:
    """Show the plugins that were found, tpzoo's own included, and the errors of those that cannot be used."""
    from tpzoo.plugin.discovery import load_catalogue

    catalogue = load_catalogue(plugins)
    if as_json:
        click.echo(json.dumps([describe(plugin) for plugin in catalogue.plugins], indent=2))
        return
    print_table(("plugin", "version", "state", "brings"), [row(plugin) for plugin in catalogue.plugins])
    for problem in (*(plugin.error for plugin in catalogue.failures), *catalogue.conflicts):
        click.echo(f"\n{problem}", err=True)


def describe(plugin: PluginInfo) -> dict[str, Any]:
    """One item of the JSON list."""
    return {
        "key": plugin.key,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "source": plugin.source,
        "state": state(plugin),
        "error": str(plugin.error) if plugin.error else None,
        "records": [{"kind": record.kind, "name": record.name} for record in plugin.records],
    }


def state(plugin: PluginInfo) -> str:
    """``loaded``, ``blocked`` or ``failed``."""
    if plugin.blocked:
        return "blocked"
    return "failed" if plugin.error else "loaded"


def row(plugin: PluginInfo) -> tuple[str, ...]:
    """One row of the table."""
    names = [f"{record.kind} {record.name}" for record in plugin.records]
    rest = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return plugin.key, plugin.version, state(plugin), ", ".join([*names[:SHOWN], *rest])
