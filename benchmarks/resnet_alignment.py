"""Residual network of width 16 on digits: alignment by block, with ReLU and ELU, by L-DRL and by the tied path.

    python benchmarks/resnet_alignment.py [--csv docs/data/resnet_alignment.csv] [key=value ...]

Prints, for every block, the mean over the last epoch of the angle between its update and backpropagation's and of the
angle between its map's Jacobian and the transposed Jacobian of the block, and the test accuracy.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
from pathlib import Path

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report.metrics import read_metrics
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
        probes = read_metrics(Path(folder), "probe")
        chain = json.loads((Path(folder) / "environment.json").read_text("utf-8"))["blocks"]  # from input to output
    accuracy = f"{100 * (summary.test_accuracy or 0):.2f}"
    last = max(epoch for series in probes.values() for epoch in series.epochs)
    found = {}
    for name, series in probes.items():
        values = [value for epoch, value in zip(series.epochs, series.values, strict=True) if epoch == last]
        found[name] = f"{statistics.mean(values):.2f}"
    blocks = [name.removeprefix("bp_angle/") for name in probes if name.startswith("bp_angle/")]
    below = dict(zip(chain[1:], chain[:-1], strict=True))  # whose name the map has that inverts a block
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
