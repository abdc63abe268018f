"""``tpzoo export``: the network of a run, for somebody without tpzoo."""

from __future__ import annotations

from pathlib import Path

import click

from tpzoo.cli.options import plugin_option


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--checkpoint", default="best", show_default=True, metavar="LABEL", help="best, last or epoch-N.")
@plugin_option
def command(run: Path, out: Path, checkpoint: str, plugins: tuple[str, ...]) -> None:
    """Write the network of RUN into the new folder OUT, for use without tpzoo.

    weights.safetensors has the weights, preparation.json how examples are prepared, and network.py, in plain PyTorch,
    rebuilds the network from torch's own layers; one that is not made of these is exported by torch.export, and
    network.py loads it. It has been run without tpzoo, and gives the same outputs.
    """
    from tpzoo.api.run import open_run  # loads torch

    folder = open_run(run).export(out, checkpoint, plugins=plugins)
    click.echo("\n".join(str(file) for file in sorted(folder.iterdir())))
