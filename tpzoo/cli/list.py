"""``tpzoo list``: everything that a config can name."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from tpzoo.cli.options import open_catalogue, plugin_option
from tpzoo.cli.table import print_table

if TYPE_CHECKING:
    from tpzoo.plugin.catalogue import Entry

# The kinds that `list --json` promises to other programs; what else there is, such as updates, is shown when asked for.
KINDS = (
    "architecture",
    "feedback",
    "map",
    "learner",
    "output",
    "loss",
    "rule",
    "dataset",
    "probe",
    "logger",
    "recipe",
)
COLUMNS = ("kind", "name", "summary", "paper", "distribution")


@click.command("list")
@click.argument("kind", required=False)
@click.argument("pattern", default="*")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@plugin_option
def command(kind: str | None, pattern: str, as_json: bool, plugins: tuple[str, ...]) -> None:
    """Show what a config can name.

    KIND is one of architecture, feedback, map, learner, output, loss, rule, update, dataset, probe, logger, recipe,
    optimizer, schedule, twin; PATTERN is a name with wildcards, such as 'cifar*'.
    """
    entries = open_catalogue(plugins).entries(kind, pattern)
    if as_json:
        chosen = [entry for entry in entries if kind or entry.record.kind in KINDS]
        click.echo(json.dumps([describe(entry) for entry in chosen], indent=2))
    elif entries:
        cites = any(entry.record.paper for entry in entries)
        columns = COLUMNS if cites else tuple(column for column in COLUMNS if column != "paper")
        print_table(columns, ([row[column] for column in columns] for row in map(row_of, entries)))
    else:
        click.echo(f"nothing matches '{pattern}'", err=True)


def describe(entry: Entry) -> dict[str, Any]:
    """One item of the JSON list: ``kind``, ``name``, ``summary``, ``paper`` (or null) and ``distribution``."""
    record = entry.record
    paper = dataclasses.asdict(record.paper) if record.paper else None
    return {
        "kind": record.kind,
        "name": record.name,
        "summary": record.describe(),
        "paper": paper,
        "distribution": entry.distribution,
    }


def row_of(entry: Entry) -> dict[str, str]:
    """One line of the table."""
    return {**describe(entry), "paper": _cite(entry)}


def _cite(entry: Entry) -> str:
    paper = entry.record.paper
    if paper is None:
        return ""
    first, *others = paper.authors.split(",")
    return f"{first.split()[-1]}{' et al.' if others else ''} {paper.year}"
