"""``tpzoo evaluate``: score a checkpoint of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tpzoo.cli.options import plugin_option
from tpzoo.cli.table import print_table

if TYPE_CHECKING:
    from tpzoo.runner.saved import Evaluation


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--checkpoint", default="last", show_default=True, metavar="LABEL", help="last, best or epoch-N.")
@click.option("--split", type=click.Choice(["test", "validation", "train"]), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a line.")
@click.option("--other-data", is_flag=True, help="Score on other data than the run was trained on.")
@click.option("--changed-plugin", is_flag=True, help="Score though the code of a plugin changed since.")
@click.option(
    "--details",
    is_flag=True,
    help="Recall by class and the confusion matrix; of a regression the error and R^2 of every target.",
)
@click.option(
    "--probe",
    "probes",
    multiple=True,
    metavar="NAME",
    help="Measure a probe on every batch of the split, with nothing moving. May be given several times.",
)
@plugin_option
def command(
    run: Path,
    overrides: tuple[str, ...],
    checkpoint: str,
    split: str,
    as_json: bool,
    other_data: bool,
    changed_plugin: bool,
    details: bool,
    probes: tuple[str, ...],
    plugins: tuple[str, ...],
) -> None:
    """Rebuild the run in folder RUN from its config, load a checkpoint and print loss and accuracy.

    KEY=VALUE may change what does not change the network, such as device, precision, data.root or the settings of a
    probe. A probe that the config does not have is measured with its defaults: batches are as large as in training, in
    the stored order, without augmentation, and its figures are means over them.
    """
    from tpzoo.runner.saved import evaluate_run  # loads torch

    found = evaluate_run(run, checkpoint, split, overrides, plugins, other_data, changed_plugin, probes)
    if as_json:
        click.echo(json.dumps(describe(found, details), indent=2))
        return
    click.echo(line(found))
    if details:
        show_details(found)
    if found.probes:
        rows = [(name, f"{each.mean:.6g}", f"{each.sd:.3g}", str(each.batches)) for name, each in found.probes.items()]
        print_table(("probe", "mean", "sd", "batches"), rows)


def show_details(found: Evaluation) -> None:
    """What stands behind the score, as tables."""
    from tpzoo.runner.details import MOST_CLASSES

    made = found.details
    if made.confusion is not None:
        click.echo(f"balanced accuracy (mean recall) {100 * (made.balanced_accuracy or 0):.2f} %; rows are labels")
        classes = [str(i) for i in range(len(made.recall))]
        rows = [
            (name, f"{100 * recall:.2f}", *map(str, counts))
            for name, recall, counts in zip(classes, made.recall, made.confusion.tolist(), strict=True)
        ]
        print_table(("class", "recall %", *classes), rows)
    elif made.rmse:
        rows = [(str(i), f"{e:.4g}", f"{r:.4f}") for i, (e, r) in enumerate(zip(made.rmse, made.r2, strict=True))]
        print_table(("target", "rmse", "R^2"), rows)
    else:
        click.echo(f"no confusion matrix: there are more than {MOST_CLASSES} classes")


def describe(found: Evaluation, details: bool = False) -> dict[str, Any]:
    """The JSON object; a loss that is not finite is null."""
    from tpzoo.runner.measure import plain

    return {
        "run": str(found.run),
        "checkpoint": found.checkpoint,
        "split": found.split,
        "epoch": found.epoch,
        "step": found.step,
        "examples": found.examples,
        "loss": found.score.loss if math.isfinite(found.score.loss) else None,
        "accuracy": found.score.accuracy,
        "balanced_accuracy": found.score.balanced_accuracy,
        "r2": found.score.r2,
        **({"details": found.details.values()} if details else {}),
        **({"probes": plain(found.probes)} if found.probes else {}),
    }


def line(found: Evaluation) -> str:
    """The line for people."""
    accuracy = found.score.accuracy
    measured = "" if accuracy is None else f", accuracy {100 * accuracy:.2f} %"
    measured += "" if found.score.r2 is None else f", R^2 {found.score.r2:.4f}"
    where = f"checkpoint {found.checkpoint}, epoch {found.epoch}, {found.examples} examples"
    return f"{found.split}: loss {found.score.loss:.4f}{measured} ({where})"
