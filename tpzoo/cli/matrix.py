"""``tpzoo matrix``: which combinations of components can work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tpzoo.assembly.legality import notices
from tpzoo.cli.options import open_catalogue, plugin_option
from tpzoo.cli.table import print_table

if TYPE_CHECKING:
    from tpzoo.plugin.records import Record

Row = tuple[str, str, str]
MARK = "*"


@click.command("matrix")
@click.option("--architecture", metavar="NAME", help="Only what works with this architecture.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each combination.")
@plugin_option
def command(architecture: str | None, as_json: bool, plugins: tuple[str, ...]) -> None:
    """Show which feedback paths, maps, learners, rules, updates and outputs can be combined.

    A cell lists the output targets that a rule can have, with some update, beside the choices of its row; - means none,
    and * that something is said of it below the table.
    """
    from tpzoo.assembly.combinations import legal_combinations

    catalogue = open_catalogue(plugins)
    beside = {} if architecture is None else {"architecture": catalogue.find("architecture", architecture).record}
    found = list(legal_combinations(catalogue, beside))
    if as_json:
        click.echo(json.dumps([describe(chosen) for chosen in found], indent=2))
        return
    rules = catalogue.names("rule")
    print_table(("feedback", "map", "learner", *(f"rule {rule}" for rule in rules)), rows(found, rules))
    for line in dict.fromkeys(line for chosen in found for line in notices(chosen)):
        click.echo(f"\n{MARK} {line}")
    click.echo(f"\n{len(found)} combinations")


def describe(chosen: Mapping[str, Record]) -> dict[str, Any]:
    """One item of the JSON list; ``map`` is null for a path that has none."""
    form = chosen.get("feedback.map")
    return {
        "feedback": chosen["feedback"].name,
        "map": form.name if form else None,
        "learner": chosen["learner"].name,
        "rule": chosen["rule"].name,
        "update": chosen["rule.update"].name,
        "output": chosen["output"].name,
        "notices": notices(chosen),
    }


def rows(found: Iterable[Mapping[str, Record]], rules: Iterable[str]) -> list[tuple[str, ...]]:
    """The rows of the table: one for each path, map and learner, with a cell for each rule."""
    cells: dict[Row, dict[str, list[str]]] = {}
    for chosen in map(describe, found):
        row = (str(chosen["feedback"]), chosen["map"] or "-", str(chosen["learner"]))
        cells.setdefault(row, {}).setdefault(str(chosen["rule"]), []).append(
            f"{chosen['output']}{MARK if chosen['notices'] else ''}"
        )
    return [
        (*row, *(", ".join(dict.fromkeys(outputs.get(rule, []))) or "-" for rule in rules))
        for row, outputs in cells.items()
    ]
