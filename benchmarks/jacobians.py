"""The cost of exact Jacobians and Gauss-Newton targets, in backpropagation steps of the same network in the same run.

    python benchmarks/jacobians.py [--threads 2] [--device cpu] [--hidden 256 256 256 256 256] [--batch 128]
                                   [--csv FILE]

The reference is a whole training step of rule ``bp``, its Adam step included. All measurements alternate, so that all
meet the same machine; the figure is the ratio of medians. Inputs are random, of 784 features and 10 classes.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.engine import gauss_newton_displacement, output_jacobians
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner.build import Built, build

WARM_UP = 3
FEATURES = 784


def main() -> None:
    """Measure and print a table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    x = torch.randn(options.batch, FEATURES, device=options.device)
    y = torch.randint(10, (options.batch,), device=options.device)
    built = {rule: prepare(rule, options) for rule in ("bp", "gauss_newton")}
    network = built["bp"].engine.network
    d = torch.randn(options.batch, 10, device=options.device)

    def targets(damping: float) -> None:
        for jacobian in output_jacobians(network.trace(x)).values():
            gauss_newton_displacement(jacobian, d, damping)

    steps: dict[str, Callable[[], object]] = {
        "step of bp": lambda: built["bp"].engine.train_batch(x, y),
        "forward pass": lambda: network.trace(x),
        "pass and Jacobians": lambda: output_jacobians(network.trace(x)),
        "... and targets, damping 1": lambda: targets(1.0),
        "... and targets, damping 0": lambda: targets(0.0),
        "step of gauss_newton": lambda: built["gauss_newton"].engine.train_batch(x, y),
    }
    seconds = measure(steps, options.device, options.rounds)
    rows = [[name, f"{1e3 * value:.3f}", f"{value / seconds['step of bp']:.2f}"] for name, value in seconds.items()]
    for name, milliseconds, ratio in rows:
        print(f"{name:>28}  {milliseconds:>9} ms  {ratio:>6}")
    if options.csv:
        write(options.csv, rows, options.device)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--hidden", type=int, nargs="+", default=[256] * 5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--csv", type=Path)
    return parser.parse_args()


def prepare(rule: str, options: argparse.Namespace) -> Built:
    """A perceptron trained by ``rule``; the teacher's data are of the right shape and never read."""
    sizes = f"inputs: {FEATURES}, outputs: 10, hidden: [10], train_count: 1, valid_count: 0, test_count: 1"
    config = [f"rule={rule}", f"device={options.device}", f"data={{name: teacher, {sizes}}}", "architecture=mlp"]
    config += [f"architecture.hidden={options.hidden}".replace(" ", ""), "architecture.activation=tanh"]
    loaded = load(None, config, load_catalogue())
    return build(loaded.experiment, loaded.catalogue)


def measure(steps: dict[str, Callable[[], object]], device: str, rounds: int) -> dict[str, float]:
    """Median seconds, all in turn."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    found: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(WARM_UP + rounds):
        for name, step in steps.items():
            wait()
            start = time.perf_counter()
            step()
            wait()
            found[name] += [time.perf_counter() - start] if i >= WARM_UP else []
    return {name: statistics.median(values) for name, values in found.items()}


def write(path: Path, rows: Sequence[Sequence[str]], device: str) -> None:
    """The table as CSV, with where it was measured."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    where = f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["what", "milliseconds", "ratio to bp", "where"], *([*row, where] for row in rows)])


if __name__ == "__main__":
    main()
