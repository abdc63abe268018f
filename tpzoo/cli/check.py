"""``tpzoo check``: is a config or a plugin in order?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tpzoo.cli.options import plugin_option
from tpzoo.errors import PluginError, TpzooError, UnknownComponentError

if TYPE_CHECKING:
    from tpzoo.plugin.catalogue import Catalogue
    from tpzoo.plugin.records import Record


@click.command("check")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Of a plugin only the records whose name matches, as 'timm/resnet*'. May be given several times.",
)
@plugin_option
def command(targets: tuple[str, ...], plugins: tuple[str, ...], only: tuple[str, ...]) -> None:
    """Check configs and plugins, each TARGET by itself.

    A TARGET is a config (a YAML file or a recipe), a plugin file, a module, or an installed distribution. A config is
    loaded and everything that it names is built. A plugin's records are collected and put through the conformance
    kit. Ends with 2 if a TARGET cannot be used, with 1 if one does not conform.
    """
    sys.exit(max(outcome(target, plugins, only) for target in targets))


def outcome(target: str, plugins: tuple[str, ...], only: tuple[str, ...] = ()) -> int:
    """Check one target, say what was found, and return its exit code."""
    try:
        config = as_config(target, plugins)
        return check_plugin(target, plugins, only) if config is None else check_config(config, plugins)
    except TpzooError as error:
        click.echo(f"{target}: failed", err=True)
        click.echo(f"Error: {error}", err=True)
        return error.exit_code


def as_config(target: str, plugins: tuple[str, ...]) -> Path | None:
    """The config that ``target`` names, or None if it must be a plugin."""
    from tpzoo.config.layers import find_config
    from tpzoo.plugin.discovery import load_catalogue

    path = Path(target) if Path(target).is_file() else find_config(target, load_catalogue(plugins))
    is_yaml = path.suffix in (".yaml", ".yml")
    return path if is_yaml or (path.is_file() and path.suffix != ".py") else None


def check_config(path: Path, plugins: tuple[str, ...]) -> int:
    """Load and build a config."""
    from tpzoo.runner.check import check_config, last_rates  # loads torch
    from tpzoo.runner.data_summary import describe_data

    loaded, built = check_config(path, plugins)
    for notice in [*loaded.notices, *built.notices]:
        click.echo(notice, err=True)
    for line in [*describe_data(built.data), *last_rates(built, loaded.experiment.epochs)]:
        click.echo(line)
    blocks, edges = len(built.engine.network.blocks), len(built.engine.feedback.edges)
    click.echo(f"{path}: in order ({blocks} blocks, {edges} feedback edges, {len(built.data.train)} examples)")
    return 0


def check_plugin(target: str, plugins: tuple[str, ...], only: tuple[str, ...]) -> int:
    """Collect a plugin's records, then put those that ``only`` names, or all, through the conformance kit."""
    from tpzoo.plugin.discovery import load_catalogue, of_target

    catalogue, found = of_target(load_catalogue(plugins), target)
    if not found:
        what = f"'{target}' is neither a config, a plugin file, a module nor an installed distribution with plugins"
        raise PluginError(what, "give a path that ends in .yaml or .py, or a name that tpzoo plugins shows")
    chosen: list[Record] = []
    for info in found:
        if info.error is not None:
            raise info.error
        records = [record for record in info.records if matches(record, only)]
        click.echo(f"{info.source}: {len(records)} record{'s' * (len(records) != 1)}")
        for record in records:
            click.echo(f"  {record.kind} {record.name}: {record.describe()}")
            if record is not meant(record, catalogue):
                said = f"{record.kind}={info.distribution}/{record.name}"
                click.echo(f"    another plugin has one of this name: a config must write {said}", err=True)
        chosen += records
    if not chosen and only:
        raise PluginError(f"no record of '{target}' matches {', '.join(only)}", "tpzoo plugins shows what there is")
    return run_kit(chosen, catalogue)


def meant(record: Record, catalogue: Catalogue) -> Record | None:
    """What a config gets that writes the bare name of ``record``; None if the name alone is refused."""
    try:
        return catalogue.find(record.kind, record.name).record
    except UnknownComponentError:
        return None


def matches(record: Record, patterns: tuple[str, ...]) -> bool:
    """Whether a record's name matches one of the patterns; without patterns every record does."""
    return not patterns or any(fnmatchcase(record.name, pattern) for pattern in patterns)


def run_kit(records: Iterable[Record], catalogue: Catalogue) -> int:
    """Run the conformance kit; every check that a record fails is named."""
    from tpzoo.testing import check  # loads torch

    outcomes = [outcome for record in records for outcome in check(record, catalogue)]
    for found in outcomes:
        if not found.ok:
            click.echo(f"Error: {found.case.id}: {found.message}", err=True)
    counts = Counter(found.status for found in outcomes)
    click.echo("conformance: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return 0 if all(found.ok for found in outcomes) else 1
