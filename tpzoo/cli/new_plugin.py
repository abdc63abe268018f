"""``tpzoo new-plugin``: write a distribution with a plugin in it, ready to be changed."""

from __future__ import annotations

from pathlib import Path

import click

from tpzoo.cli.options import open_catalogue


@click.command("new-plugin")
@click.argument("name")
@click.option("--kind", required=True, metavar="KIND", help="What it adds; see tpzoo list for the kinds.")
@click.option("--directory", type=click.Path(path_type=Path), default=Path(), help="Where to write it; default: here.")
def command(name: str, kind: str, directory: Path) -> None:
    """Write the distribution NAME, such as tpzoo-wiggle, which adds a working entry of one kind.

    KIND is one of architecture, feedback, map, learner, output, loss, rule, update, dataset, probe, logger, recipe.
    What is written passes its own tests as it is; change it into yours.
    """
    from tpzoo.plugin.scaffold import write_distribution

    written = write_distribution(name, kind, directory, open_catalogue(()))
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"\nnow: cd {directory / name} && pip install -e '.[test]' && python -m pytest")
