"""What runs of one config came to, by seed, in one small file that is kept: ``docs/data/runs/NAME.json``.

Every measured number of the docs and of the recipes' headers stands in such a file, with what is needed to measure it
again. Reading one loads no torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tpzoo.errors import DataError
from tpzoo.files import write_atomic
from tpzoo.report.last_epoch import of_last_epoch
from tpzoo.report.results import epoch_seconds, is_regression, outcome
from tpzoo.report.runs import Run
from tpzoo.report.statistics import moments

SCHEMA = 1
FIRST = ":first"
ERROR, BEST, LOSS, SECONDS = "test_error", "test_error_at_best_valid", "train_loss", "seconds_per_epoch"
TEST_LOSS, BEST_LOSS = "test_loss", "test_loss_at_best_valid"
WIDENED = 3
"""The range of the seeds is widened by so many test examples, at both ends, when a number is measured again."""


@dataclass(frozen=True)
class RunRecord:
    """The form of a record.

    Attributes:
        name: of the experiment, and of the file.
        config, overrides: what was trained, as ``tpzoo train`` takes them; a seed adds ``seed=S data.split_seed=S``.
        config_hash: of the resolved config with both seeds 0.
        data: the digest of the data.
        commit: of tpzoo, when it was measured.
        threads, torch, cpu: what computed it: threads, the version of torch, the instructions that torch used.
        test_examples: how many a test error is of; 0 where there is none.
        epochs: of the run.
        seconds: of a seed, all in all; for those who want to measure it again.
        values: by quantity, by seed: errors in per cent, losses, seconds, and of probes ``PROBE/BLOCK``, the mean of
            what was measured in the last epoch, ``PROBE/BLOCK:mean`` over all epochs, ``PROBE/BLOCK:sd``, its
            deviation, and ``PROBE/BLOCK:first``, what was measured on the first step, before any weight moved.
        plugins: files that ``--plugin`` names, from the top of the repository.
    """

    name: str
    config: str
    overrides: tuple[str, ...]
    config_hash: str
    data: str
    commit: str
    threads: int
    torch: str
    cpu: str
    test_examples: int
    epochs: int
    seconds: float
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What trains one seed, without what says which."""
        plugins = [f"--plugin {plugin}" for plugin in self.plugins]
        return " ".join(["tpzoo train", f"configs/{self.config}.yaml", *plugins, *self.overrides])

    @property
    def seeds(self) -> list[str]:
        """Which were measured, in order."""
        return sorted({seed for by_seed in self.values.values() for seed in by_seed}, key=int)

    def of(self, quantity: str) -> list[float]:
        """The values of a quantity, in the order of the seeds."""
        found = self.values.get(quantity, {})
        return [found[seed] for seed in self.seeds if seed in found]

    def mean(self, quantity: str) -> float:
        """The mean over the seeds."""
        return sum(self.of(quantity)) / len(self.of(quantity))

    def allowed(self, quantity: str) -> tuple[float, float]:
        """What a test error may be when it is measured again: the seeds' range, widened by three test examples."""
        more = 100 * WIDENED / self.test_examples
        return min(self.of(quantity)) - more, max(self.of(quantity)) + more


def values_of(run: Run) -> dict[str, float]:
    """What a run came to, by quantity."""
    found, made = outcome(run), dict[str, float | None]()
    last, best = (TEST_LOSS, BEST_LOSS) if is_regression(run) else (ERROR, BEST)
    made[last] = found.last_test
    made[best] = found.test if any(name.startswith("valid_") for name in run.epochs) else None
    made[LOSS], made[SECONDS] = found.train_loss, epoch_seconds(run)
    for name, series in run.probes.items():
        over_all = moments(series.at_intervals[1])
        made |= {name: moments(of_last_epoch(series)).mean, f"{name}:mean": over_all.mean, f"{name}:sd": over_all.sd}
        made[f"{name}{FIRST}"] = series.values[0] if math.isfinite(series.values[0]) else None
    return {name: float(f"{value:.12g}") for name, value in made.items() if value is not None}


def by_quantity(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """The values of several runs of one config by quantity and seed."""
    found: dict[str, dict[str, float]] = {}
    for run in sorted(runs, key=lambda run: int(run.seed[0])):
        for name, value in values_of(run).items():
            found.setdefault(name, {})[str(run.seed[0])] = value
    return found


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write ``NAME.json`` into a folder."""
    path = folder / f"{record.name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps({"schema": SCHEMA, **dataclasses.asdict(record)}, indent=1) + "\n")
    return path


def read_record(path: Path) -> RunRecord:
    """Read a record back.

    Raises:
        DataError: it is none, or of another schema.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if content.pop("schema") != SCHEMA:
            raise DataError(f"{path} has another schema; this tpzoo reads {SCHEMA}")
        lists = {name: tuple(content.get(name, ())) for name in ("overrides", "plugins")}
        return RunRecord(**{**content, **lists})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no record of runs: {error}") from error


def read_records(folder: Path) -> dict[str, RunRecord]:
    """All records of a folder by name."""
    return {path.stem: read_record(path) for path in sorted(folder.glob("*.json"))}
