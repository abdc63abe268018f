"""``tpzoo predict``: what the network of a run says of examples in a file."""

from __future__ import annotations

from pathlib import Path

import click

from tpzoo.cli.options import plugin_option


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("predictions.csv"), show_default=True)
@click.option("--checkpoint", default="best", show_default=True, metavar="LABEL", help="best, last or epoch-N.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@plugin_option
def command(run: Path, file: Path, out: Path, checkpoint: str, device: str, plugins: tuple[str, ...]) -> None:
    """Write the class of each example in FILE, and its probability, as the network of RUN sees it, to a csv.

    FILE is a .npy array of raw examples, as the data set of the run stores them (pixels in uint8, or numbers), or a
    .npz that holds one array, or one called x. They are prepared as in training; the data set itself is not needed. For
    a regression the csv holds the values, in the units of the labels.
    """
    from tpzoo.api.predictions import read_examples  # loads torch
    from tpzoo.api.run import open_run

    found = open_run(run).predict(read_examples(file), checkpoint, device=device, plugins=plugins)
    found.write(out)
    click.echo(f"{len(found.output)} examples: {out}")
