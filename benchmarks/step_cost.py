"""The cost of one training step of each recipe, in backpropagation steps of the same network in the same run.

    python benchmarks/step_cost.py [--threads 2] [--device cpu] [--csv FILE] CONFIG...

The first config is the reference. Steps of all configs alternate, so that all meet the same machine; the figure is the
ratio of medians. Multiply-accumulates are counted beside it: they say what is algorithm, and the last column what is
overhead. Inputs are random and have the shape of the config's data set.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tpzoo.config import load
from tpzoo.engine.passes import AutogradGraph, Place
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner.build import Built, build
from tpzoo.runner.steps import step_function

WARM_UP, ROUNDS, STEPS = 5, 40, 5


def main() -> None:
    """Measure, print a table, and write it as CSV if asked to."""
    options = arguments()
    torch.set_num_threads(options.threads)
    steps = {path.stem: prepare(path, options.device) for path in options.configs}
    seconds = measure({name: step for name, (step, _) in steps.items()}, options.device)
    reference = next(iter(steps))
    rows = [row(name, reference, seconds, {name: macs for name, (_, macs) in steps.items()}) for name in steps]
    header = [
        "recipe",
        "milliseconds",
        f"ratio to {reference}",
        "million MAC",
        f"MAC ratio to {reference}",
        "time over count",
    ]
    for line in [header, *rows]:
        print("  ".join(f"{cell:>20}" for cell in line))
    if options.csv:
        write(options.csv, header, rows, options.device)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--csv", type=Path)
    return parser.parse_args()


def prepare(path: Path, device: str) -> tuple[Callable[[], object], int]:
    """A function that makes one training step of a config, and the multiply-accumulates of a step."""
    loaded = load(path, [f"device={device}"], load_catalogue())
    built = build(loaded.experiment, load_catalogue())
    x, y = example(built, loaded.experiment.batch_size)
    order = loaded.experiment.feedback_training.order
    with Counter() as counter, one_by_one():
        built.engine.train_batch(x, y, order)
    step = step_function(built.engine, built.device, loaded.experiment.cuda_graphs)
    return lambda: step(x, y, order), counter.operations // 2


class Counter(TorchDispatchMode):
    """Floating-point operations of matrix products and convolutions, by torch's formulas.

    Torch's own ``FlopCounterMode`` follows modules by hooks, which do not survive several backward passes.
    """

    operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        made = function(*arguments, **(keywords or {}))
        formula = flop_registry.get(function._overloadpacket)
        if formula is not None:
            self.operations += formula(*arguments, **(keywords or {}), out_val=made)
        return made


@contextmanager
def one_by_one() -> Iterator[None]:
    """Batched vector-Jacobian products as a loop: the counter cannot look into a batched one. The count is the same."""

    def loop(self: AutogradGraph, cotangents: torch.Tensor, at: Place) -> torch.Tensor:
        return torch.stack([self.vjp(each, at) for each in cotangents])

    batched, AutogradGraph.vjp_batched = AutogradGraph.vjp_batched, loop  # type: ignore[method-assign]
    try:
        yield
    finally:
        AutogradGraph.vjp_batched = batched  # type: ignore[method-assign]


def example(built: Built, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A random batch of the data set's shape."""
    spec = built.data.spec
    x = torch.randn(batch, *spec.input_shape, dtype=built.dtype, device=built.device)
    return x, torch.randint(spec.output_size, (batch,), device=built.device)


def measure(steps: dict[str, Callable[[], object]], device: str) -> dict[str, float]:
    """Median seconds of a step, all configs in turn."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(WARM_UP + ROUNDS):
        for name, step in steps.items():
            seconds = timed(step, device)
            found[name] += [seconds] if i >= WARM_UP else []
    return {name: statistics.median(values) for name, values in found.items()}


def timed(step: Callable[[], object], device: str) -> float:
    """Seconds of one of a few steps in a row."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    wait()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    wait()
    return (time.perf_counter() - start) / STEPS


def row(name: str, reference: str, seconds: dict[str, float], macs: dict[str, int]) -> list[str]:
    """One line of the table."""
    time_ratio, count_ratio = seconds[name] / seconds[reference], macs[name] / macs[reference]
    return [
        name,
        f"{1e3 * seconds[name]:.3f}",
        f"{time_ratio:.2f}",
        f"{macs[name] / 1e6:.1f}",
        f"{count_ratio:.2f}",
        f"{time_ratio / count_ratio:.2f}",
    ]


def write(path: Path, header: list[str], rows: list[list[str]], device: str) -> None:
    """The table as CSV, with where it was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    where = [f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[*header, "where"], *([*line, *where] for line in rows)])


if __name__ == "__main__":
    main()
