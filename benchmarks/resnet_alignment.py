"""Residual network of width 16 on digits: alignment by block, with ReLU and ELU, by L-DRL and by the tied path.

    python benchmarks/resnet_alignment.py [--csv docs/data/resnet_alignment.csv] [key=value ...]

Prints, for every block, the mean over the last epoch of the angle between its update and backpropagation's and of the
angle between its map's Jacobian and the transposed Jacobian of the block, and the test accuracy.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from pathlib import Path

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report.last_epoch import of_last_epoch
from tpzoo.report.runs import find_runs
from tpzoo.runner import train

CONFIG = Path(__file__).parents[1] / "configs" / "ernoult2022" / "digits_resnet_ldrl.yaml"
FEEDBACK = {"ldrl": (), "tied": ("feedback=tied", "learner=none")}
HEADER = ("feedback", "activation", "test accuracy", "block", "angle to backprop", "angle of Jacobians")


def main() -> None:
    """Train the four combinations, print a table, write it as CSV if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = [HEADER]
    for feedback, chosen in FEEDBACK.items():
        for activation in ("relu", "elu"):
            rows += measured(
                feedback, activation, [*chosen, f"architecture.activation={activation}", *options.overrides]
            )
    for row in rows:
        print("  ".join(f"{cell:>18}" for cell in row))
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        with options.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def measured(feedback: str, activation: str, overrides: list[str]) -> list[tuple[str, ...]]:
    """One line for each block of one combination."""
    catalogue = load_catalogue()
    loaded = load(CONFIG, overrides, catalogue)
    with tempfile.TemporaryDirectory() as folder:
        summary = train(loaded, catalogue, run_dir=Path(folder), quiet=True)
        (run,) = find_runs([Path(folder)]).runs
    accuracy = f"{100 * (summary.test_accuracy or 0):.2f}"
    found = {name: f"{statistics.mean(of_last_epoch(series)):.2f}" for name, series in run.probes.items()}
    blocks = [name.removeprefix("bp_angle/") for name in run.probes if name.startswith("bp_angle/")]
    below = dict(zip(run.blocks[1:], run.blocks[:-1], strict=True))  # whose name the map has that inverts a block
    return [
        (
            feedback,
            activation,
            accuracy,
            block,
            found[f"bp_angle/{block}"],
            found.get(f"jacobian_alignment/{below.get(block)}/angle", ""),
        )
        for block in blocks
    ]


if __name__ == "__main__":
    main()
