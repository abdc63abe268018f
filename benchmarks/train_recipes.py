"""Train recipes as they are and write down what they reach.

    python benchmarks/train_recipes.py [--threads 2] [--seeds 0 1 2] [--runs DIR [--finished]] [--csv FILE]
                                       CONFIG... [key=value ...]

For each recipe and seed: test error after the last epoch and at the best validation epoch, and seconds for each epoch
(training and evaluation); with several seeds also their mean and standard deviation. A seed is also that of the
validation split. With ``--runs`` the run folders are kept, as DIR/NAME-SEED: a second call trains only what is missing
and goes on with what was cut off. With ``--finished`` too it trains nothing and writes down what DIR holds.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.errors import TpzooError
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner import train
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.summary import Summary

HEADER = ("recipe", "seed", "epochs", "test error", "at best validation", "seconds per epoch", "where")


def main() -> None:
    """Train in turn, print a table, write it as CSV if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--finished", action="store_true")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = [word for word in given.words if "=" in word]
    rows = [HEADER]
    with tempfile.TemporaryDirectory() as scratch:
        for word in given.words:
            if "=" not in word:
                rows += table(Path(word), settings, given.seeds, given.runs or Path(scratch), given.finished)
    for row in rows:
        print("  ".join(f"{cell:>20}" for cell in row[:-1]))
    if given.csv:
        given.csv.parent.mkdir(parents=True, exist_ok=True)
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def table(
    config: Path, settings: Sequence[str], seeds: Sequence[int], runs: Path, finished: bool
) -> list[tuple[str, ...]]:
    """The lines of one recipe: every seed that could be trained, then their mean and standard deviation."""
    name = load(config, settings, load_catalogue()).experiment.name
    found: list[Summary] = []
    for seed in seeds:
        folder = runs / f"{name}-{seed}"
        if finished and RunFolder(folder).status() != "done":
            continue
        try:
            found.append(trained(config, [*settings, f"seed={seed}", f"data.split_seed={seed}"], folder))
        except TpzooError as error:
            print(f"{name}, seed {seed}: {error}", file=sys.stderr)
    where = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    rows = [line(name, str(run.seed), [run], lambda values: values[0], where) for run in found]
    if len(found) > 1:
        rows.append(line(name, "mean", found, statistics.mean, where))
        rows.append(line(name, "sd", found, statistics.stdev, where))
    return rows


def line(
    name: str, label: str, runs: Sequence[Summary], of: Callable[[list[float]], float], where: str
) -> tuple[str, ...]:
    """One line; ``of`` makes one number of those of ``runs``."""
    errors = [[run.test_accuracy for run in runs], [run.test_accuracy_at_best_valid for run in runs]]
    columns = [[None if each is None else 100 * (1 - each) for each in column] for column in errors]
    columns.append([run.seconds_per_epoch for run in runs])
    cells = ["" if None in column else f"{of([each or 0.0 for each in column]):.2f}" for column in columns]
    return (name, label, str(runs[0].epochs), *cells, f"{runs[0].device}, {where}")


def trained(config: Path, settings: Sequence[str], folder: Path) -> Summary:
    """Train one run in ``folder``, go on with it, or read what it came to."""
    catalogue = load_catalogue()
    begun = {"resume": folder} if folder.exists() else {"run_dir": folder}
    return train(load(config, settings, catalogue), catalogue, quiet=True, **begun)


if __name__ == "__main__":
    main()
