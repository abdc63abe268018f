"""``tpzoo trust``: which plugin files run where only a config names them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tpzoo.plugin.files import PluginFile
    from tpzoo.plugin.trust import Answer, Ask


@click.command("trust")
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[FOLDER|FILE]")
@click.option("--list", "listed", is_flag=True, help="Print what is trusted.")
@click.option("--remove", is_flag=True, help="Trust it no more: a folder, or every version of a file.")
def command(path: Path | None, listed: bool, remove: bool) -> None:
    """Trust the plugin files below FOLDER from now on, or this version of FILE.

    A plugin is code that runs. A file that you name by --plugin, by TPZOO_PLUGINS or in Python runs, and that version
    of it is remembered. A file that only a config or a run's folder names runs if its version is remembered or if it
    lies below a folder that you trust. What a file imports is not looked at.
    """
    from tpzoo.plugin.files import read_file
    from tpzoo.plugin.trust import distrust, trust_file, trust_folder, trusted

    if listed == (path is not None) or (listed and remove):
        raise click.UsageError("give a FOLDER, a FILE or --list")
    if path is None:
        found = trusted()
        for folder in found.folders:
            click.echo(f"{folder}/")
        for digest, place in found.files:
            click.echo(f"{place}  {digest[:12]}")
    elif remove:
        if not distrust(path):
            click.echo(f"{path} was not trusted", err=True)
            sys.exit(2)
        click.echo(f"no longer trusted: {path}")
    elif path.is_file():
        file = read_file(path)
        trust_file(file)
        click.echo(f"trusted: {file.path}, as it is now ({file.digest[:12]})")
    else:
        click.echo(f"trusted: all plugin files below {trust_folder(path)}")


def terminal() -> Ask | None:
    """What asks the user; None where nobody sits at a terminal."""
    return ask if sys.stdin.isatty() and sys.stderr.isatty() else None


def ask(file: PluginFile, asked_by: str) -> Answer:
    """Ask whether a file may run."""
    from tpzoo.plugin.trust import is_run

    click.echo(f"{asked_by} would run the plugin file {file.path}", err=True)
    choices: dict[str, Answer] = {"version": "version", "no": "no"}
    if not is_run(file.path.parent):
        choices = {"folder": "folder", **choices}
        click.echo(f"  folder: trust all plugin files below {file.path.parent} from now on", err=True)
    click.echo("  version: trust this version of it\n  no: run nothing", err=True)
    return choices[click.prompt("Run it?", type=click.Choice([*choices]), default="no", err=True)]
