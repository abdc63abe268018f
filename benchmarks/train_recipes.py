"""Train recipes as they are and write down what they reach.

    python benchmarks/train_recipes.py [--threads 2] [--seeds 0 1 2] [--runs DIR [--finished]] [--csv FILE]
                                       CONFIG... [key=value ...]

For each recipe and seed: test error after the last epoch and at the best validation epoch, and the seconds of an epoch
(mean over epochs of the training passes, those of the feedback included, without pre-training and evaluation); with
several seeds also their mean and standard deviation. A seed is also that of the validation split. With ``--runs`` the
run folders are kept, as DIR/NAME-SEED: a second call trains only what is missing and goes on with what was cut off.
With ``--finished`` too it trains nothing and writes down what DIR holds.

A run that is interrupted ends the script; one that fails is named, and the others go on. In both cases the exit code is
1 and FILE is left as it is.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.errors import TpzooError
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.recipes import find_recipe
from tpzoo.report.methods import make_methods
from tpzoo.report.runs import find_runs
from tpzoo.runner import train
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.summary import Summary

HEADER = ("recipe", "seed", "epochs", "test error", "at best validation", "seconds per epoch", "where")


@dataclass(frozen=True)
class Outcome:
    """What one run came to: errors in per cent, None where it has no such figure."""

    seed: int
    epochs: int
    error: float | None
    best: float | None
    seconds: float
    where: str


def main() -> None:
    """Train in turn, print a table, write it as CSV if asked to."""
    given = arguments()
    torch.set_num_threads(given.threads)
    settings = [word for word in given.overrides if "=" in word]
    rows, failures = [HEADER], 0
    with tempfile.TemporaryDirectory() as scratch:
        for word in given.overrides:
            if "=" not in word:
                runs = given.runs or Path(scratch)
                found, failed = table(
                    find_recipe(word), settings, given.seeds, runs, finished=given.finished, join_code=given.join_code
                )
                rows, failures = rows + found, failures + failed
    for row in rows:
        print("  ".join(f"{cell:>20}" for cell in row[:-1]))
    if failures:
        sys.exit(f"{failures} of the runs failed{f'; {given.csv} was not written' if given.csv else ''}")
    if len(rows) == 1:
        sys.exit(f"{given.runs} holds no finished run of these recipes and seeds; nothing was written")
    if given.csv:
        given.csv.parent.mkdir(parents=True, exist_ok=True)
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--finished", action="store_true")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--join-code", action="store_true", help="average over runs that were made with other code")
    given = parser.parse_args()
    if all("=" in word for word in given.overrides):
        parser.error("give a config, as a file or by its name")
    if given.finished and given.runs is None:
        parser.error("--finished needs --runs")
    return given


def table(
    config: Path, settings: Sequence[str], seeds: Sequence[int], runs: Path, *, finished: bool, join_code: bool
) -> tuple[list[tuple[str, ...]], int]:
    """The lines of one recipe, every seed and then their mean and standard deviation, and how many seeds failed."""
    name, found, failed = load(config, settings, load_catalogue()).experiment.name, [], 0
    for seed in seeds:
        folder = runs / f"{name}-{seed}"
        if finished and RunFolder(folder).status() != "done":
            continue
        try:
            summary = trained(config, [*settings, f"seed={seed}", f"data.split_seed={seed}"], folder)
            if summary.status != "done":
                sys.exit(f"{name}, seed {seed}, was interrupted after {summary.epochs} epochs; nothing was written")
            found.append(outcome(summary, folder))
        except TpzooError as error:
            print(f"{name}, seed {seed}: {error}", file=sys.stderr)
            failed += 1
    rows = [line(name, str(run.seed), [run], lambda values: values[0]) for run in found]
    if len(found) > 1:
        require_one_method([runs / f"{name}-{run.seed}" for run in found], join_code)
        rows.append(line(name, "mean", found, statistics.mean))
        rows.append(line(name, "sd", found, statistics.stdev))
    return rows, failed


def require_one_method(folders: Sequence[Path], join_code: bool) -> None:
    """End the script, before anything is averaged, if the runs were made with other code or on other data."""
    methods, said = make_methods(find_runs(folders).runs, join_code)
    if len(methods) > 1:
        sys.exit(f"{'; '.join(said)}; nothing was written (--join-code averages over other code)")


def outcome(summary: Summary, folder: Path) -> Outcome:
    """What the run in ``folder`` came to, and what it ran on."""
    environment = json.loads((folder / "environment.json").read_text("utf-8"))["sessions"][-1]
    where = f"{summary.device}, torch {environment['packages']['torch']}, {environment['threads']} threads"
    errors = [
        None if accuracy is None else 100 * (1 - accuracy)
        for accuracy in (summary.test_accuracy, summary.test_accuracy_at_best_valid)
    ]
    return Outcome(summary.seed, summary.epochs, *errors, summary.seconds_per_epoch or 0.0, where)


def line(name: str, label: str, runs: Sequence[Outcome], of: Callable[[list[float]], float]) -> tuple[str, ...]:
    """One line; ``of`` makes one number of those of ``runs``."""
    columns = [[run.error for run in runs], [run.best for run in runs], [run.seconds for run in runs]]
    cells = ["" if None in column else f"{of([each or 0.0 for each in column]):.2f}" for column in columns]
    return (name, label, str(runs[0].epochs), *cells, "; ".join(dict.fromkeys(run.where for run in runs)))


def trained(config: Path, settings: Sequence[str], folder: Path) -> Summary:
    """Train one run in ``folder``, go on with it, or read what it came to."""
    catalogue = load_catalogue()
    begun = {"resume": folder} if (folder / "config.yaml").is_file() else {"run_dir": folder}
    return train(load(config, settings, catalogue), catalogue, quiet=True, **begun)


if __name__ == "__main__":
    try:
        main()
    except TpzooError as mistake:
        sys.exit(str(mistake))
