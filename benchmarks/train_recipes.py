"""Train recipes as they are and write down what they reach.

    python benchmarks/train_recipes.py [--threads 2] [--csv FILE] CONFIG... [key=value ...]

For each recipe: test accuracy after the last epoch and at the best validation epoch, and seconds for each epoch
(training and evaluation).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner import train

HEADER = ("recipe", "seed", "epochs", "test accuracy", "at best validation", "seconds per epoch", "where")


def main() -> None:
    """Train in turn, print a table, write it as CSV if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = [word for word in given.words if "=" in word]
    rows = [HEADER, *(trained(Path(word), settings) for word in given.words if "=" not in word)]
    for row in rows:
        print("  ".join(f"{cell:>20}" for cell in row[:-1]))
    if given.csv:
        given.csv.parent.mkdir(parents=True, exist_ok=True)
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def trained(config: Path, settings: list[str]) -> tuple[str, ...]:
    """One line: what a recipe reached."""
    catalogue = load_catalogue()
    loaded = load(config, settings, catalogue)
    with tempfile.TemporaryDirectory() as folder:
        found = train(loaded, catalogue, run_dir=Path(folder) / "run", quiet=True)
    where = f"{found.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    name, accuracies = loaded.experiment.name, (found.test_accuracy, found.test_accuracy_at_best_valid)
    per_cent = ("" if value is None else f"{100 * value:.2f}" for value in accuracies)
    return (name, str(found.seed), str(found.epochs), *per_cent, f"{found.seconds_per_epoch:.1f}", where)


if __name__ == "__main__":
    main()
