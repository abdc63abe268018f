"""``tpzoo show``: one entry of the zoo, or a config as it resolves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tpzoo.cli.options import open_catalogue, plugin_option, split
from tpzoo.cli.table import print_table
from tpzoo.errors import TpzooError

if TYPE_CHECKING:
    from tpzoo.config import LoadedConfig
    from tpzoo.plugin.catalogue import Catalogue, Entry


@click.command("show")
@click.argument("kind", metavar="KIND|config")
@click.argument("overrides", nargs=-1, metavar="NAME | CONFIG [KEY=VALUE]...")
@click.option("--origins", is_flag=True, help="For a config: say on every line where its value comes from.")
@click.option("--json", "as_json", is_flag=True, help="For an entry: print a JSON object instead of text.")
@plugin_option
def command(kind: str, overrides: tuple[str, ...], origins: bool, as_json: bool, plugins: tuple[str, ...]) -> None:
    """Show one entry of the zoo, or a config as it resolves.

    KIND NAME shows what the entry is, its settings, its paper and what it works with. `config CONFIG` shows every
    value of a config, defaults included, with every KEY=VALUE put over it; what is printed can be run. Under a value by
    block or edge a comment says what every block or edge gets; what probes say of the network goes to the standard
    error.
    """
    if kind == "config":
        if as_json:
            raise click.UsageError("--json is for entries: a config is shown as YAML")
        show_config(overrides, origins, plugins)
    elif len(overrides) != 1 or origins:
        raise click.UsageError("write tpzoo show KIND NAME, or tpzoo show config CONFIG [KEY=VALUE]... [--origins]")
    else:
        show_entry(kind, overrides[0], as_json, plugins)


def show_config(overrides: tuple[str, ...], origins: bool, plugins: tuple[str, ...]) -> None:
    """Print the resolved config; what was decided for the user goes to the standard error."""
    from tpzoo.config import annotated_yaml, idle_overrides, load

    config, settings = split(overrides)
    loaded = load(config, settings, plugins=plugins)
    for notice in [*loaded.notices, *idle_overrides(loaded, config, settings)]:
        click.echo(notice, err=True)
    text = annotated_yaml(loaded) if origins else loaded.to_yaml()
    click.echo(with_comments(text, comments_by_name(loaded)), nl=False)
    for line in notes_of_probes(loaded):
        click.echo(line, err=True)


def comments_by_name(loaded: LoadedConfig) -> dict[str, str]:
    """A comment for each setting that differs by block or edge, by its path: the value of every one, input first.

    Where they cannot be had, say without the data, the standard error says why.
    """
    from tpzoo.plugin.settings import values_by_name

    if not any(value.varies for _, _, value in values_by_name(loaded.experiment)):
        return {}
    from tpzoo.runner.values import resolved_values  # loads torch

    try:
        found = resolved_values(loaded)
    except TpzooError as error:
        click.echo(f"values of every block and edge are left out: {error}", err=True)
        return {}
    return {
        path: f"# by {axis}: " + ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())
        for path, (axis, values) in found.items()
    }


def notes_of_probes(loaded: LoadedConfig) -> list[str]:
    """What the config's probes say of its network; where the network cannot be built, why."""
    if not loaded.experiment.probes:
        return []
    from tpzoo.runner.values import probe_notes  # loads torch

    try:
        return probe_notes(loaded)
    except TpzooError as error:
        return [f"notes of the probes are left out: {error}"]


def with_comments(text: str, comments: Mapping[str, str]) -> str:
    """YAML ``text`` in block style, with each comment on a line of its own under the value of its path."""
    lines, keys, waiting = [], list[tuple[int, str]](), list[tuple[int, str]]()
    for line in [*text.splitlines(), ""]:
        indent = len(line) - len(line.lstrip()) if line else -1
        while waiting and indent <= waiting[-1][0]:  # what follows is no continuation of the value
            column, comment = waiting.pop()
            lines.append(" " * column + comment)
        key, colon, _ = line.strip().partition(":")
        if colon and not key.startswith(("-", "#")):
            keys = [(column, name) for column, name in keys if column < indent] + [(indent, key.strip("'\""))]
            if (path := ".".join(name for _, name in keys)) in comments:
                waiting.append((indent, comments[path]))
        lines.append(line)
    return "\n".join(lines)


def show_entry(kind: str, name: str, as_json: bool, plugins: tuple[str, ...]) -> None:
    """Print everything that is known about one entry."""
    catalogue = open_catalogue(plugins)
    catalogue.entries(kind)  # refuses an unknown kind
    found = describe(catalogue.find(kind, name), catalogue)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for line in lines(found):
        click.echo(line)
    if found["explanation"]:
        click.echo(f"\n{found['explanation']}")
    if found["settings"]:
        click.echo("\nsettings")
        print_table(("  name", "type", "default", "limits", "help"), [setting_row(row) for row in found["settings"]])
    if "config" in found:
        click.echo(f"\n{Path(found['path']).read_text('utf-8')}", nl=False)


def describe(entry: Entry, catalogue: Catalogue) -> dict[str, Any]:
    """The JSON object: what ``tpzoo list --json`` says, settings, capabilities and partners."""
    from tpzoo.assembly.legality import partners, provided, required, wanted_by
    from tpzoo.cli.list import describe as summary
    from tpzoo.config import settings_table
    from tpzoo.plugin.explanation import explanation
    from tpzoo.plugin.records import Recipe

    record = entry.record
    found: dict[str, Any] = {
        **summary(entry),
        "explanation": explanation(record),
        "settings": [dataclasses.asdict(row) for row in settings_table(record)],
        "provides": list(dict.fromkeys(provided(record))),
        "requires": list(dict.fromkeys(required(record))),
        "partners": partners(record, catalogue),
        "wanted_by": wanted_by(record, catalogue),
    }
    if isinstance(record, Recipe):
        found |= {"path": record.path, "config": Path(record.path).read_text("utf-8")}
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The text above the settings."""
    yield f"{found['kind']} {found['name']}: {found['summary']}"
    yield f"  from       {found['distribution']}"
    if paper := found["paper"]:
        venue = f", {paper['venue']}" if paper["venue"] else ""
        yield f"  paper      {paper['title']}. {paper['authors']}, {paper['year']}{venue}"
        if paper["url"]:
            yield f"             {paper['url']}"
    for capability, names in found["partners"].items():
        yield f"  requires   {capability}: {', '.join(names) or 'which nothing that is installed provides'}"
    for capability, names in found["wanted_by"].items():
        yield f"  provides   {capability}{': for ' if names else ''}{', '.join(names)}"
    if "path" in found:
        yield f"  file       {found['path']}"


def setting_row(row: dict[str, Any]) -> Sequence[str]:
    """One row of the table of settings; the default as a config would say it."""
    return f"  {row['name']}", row["type"], json.dumps(row["default"]), row["limits"], row["help"]
