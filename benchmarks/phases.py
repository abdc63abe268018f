"""The cost of the feedback phase and of the forward phase of a recipe, in backpropagation steps of the same network.

    python benchmarks/phases.py [--threads 2] [--rounds 3] [--csv FILE] CONFIG [key=value ...]

The three are timed in turn, in one run, on one batch of random images; the figures are ratios of medians.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner.build import Built, build


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ours, reference = (made(options.config, [*options.overrides, *extra]) for extra in ([], ["rule=bp"]))
    seconds = measure(phases(ours, reference), options.rounds)
    where = f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}"
    rows = [(name, f"{value:.3f}", f"{value / seconds['bp']:.2f}", where) for name, value in seconds.items()]
    for name, value, ratio, _ in rows:
        print(f"{name:>10}  {value:>8} s  {ratio:>6} backprop steps")
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        with options.csv.open("w", newline="") as file:
            csv.writer(file).writerows([("phase", "seconds", "backprop steps", "where"), *rows])


def made(config: Path, overrides: list[str]) -> Built:
    """Everything that a config names."""
    loaded = load(config, overrides, load_catalogue())
    return build(loaded.experiment, loaded.catalogue)


def phases(ours: Built, reference: Built) -> dict[str, Callable[[], object]]:
    """What is timed: a backprop step, the feedback phase and the forward phase."""
    spec = ours.data.spec
    x, y = torch.randn(128, *spec.input_shape), torch.randint(spec.output_size, (128,))
    return {
        "bp": lambda: reference.engine.train_batch(x, y),
        "forward": lambda: ours.engine.train_batch(x, y, "forward_only"),
        "feedback": lambda: ours.engine.train_feedback_batch(x),
    }


def measure(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, in turn, after one round of warm-up."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for i in range(rounds + 1):
        for name, call in timed.items():
            start = time.perf_counter()
            for _ in range(1 if name == "feedback" else 5):
                call()
            passed = (time.perf_counter() - start) / (1 if name == "feedback" else 5)
            found[name] += [passed] if i else []
    return {name: statistics.median(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
