"""The measured numbers of the docs and of the recipes' headers: make their records, and see that they still hold.

    python benchmarks/records.py new CONFIG [key=value ...] [--plugin FILE] --seeds 0 1 2 3 4 [--threads 1] [--runs DIR]
    python benchmarks/records.py make [NAME ...] [--runs DIR]     # again, as recorded; all of them without a name
    python benchmarks/records.py stale                            # which no longer belong to what is here
    python benchmarks/records.py sample [--commit HASH]           # five cheap ones, one seed each

A record is ``docs/data/runs/NAME.json``. It is stale where the resolved config, the data or the minor version of torch
(that of constraints.txt) is another one than when it was measured; changed code is what the sample is for.

The sample is chosen by the hash of a commit (default: HEAD), so that it can be repeated, among the records whose seed
takes less than 20 seconds on one thread. A test error must lie in the range of the recorded seeds, widened by three
test examples at both ends; what the probes of a float64 run measure on the first step must be the same to 1e-9. Seconds
are never compared.

With ``--runs`` run folders are kept as DIR/NAME-SEED, and those that are done are read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tpzoo.config import load
from tpzoo.errors import TpzooError
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report.run_record import ERROR, FIRST, RunRecord, by_quantity, read_records, write_record
from tpzoo.report.runs import find_runs
from tpzoo.runner import train
from tpzoo.runner.build import build

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "data" / "runs"
EXACT = 1e-9
CHEAP, MOST_SECONDS, HOW_MANY = 20.0, 120.0, 5
SEEDLESS = ("seed=0", "data.split_seed=0")


def trained(
    config: str, overrides: Sequence[str], seed: int, threads: int, folder: Path, plugins: Sequence[str] = ()
) -> None:
    """Train one seed in ``folder``, or go on with it."""
    catalogue = load_catalogue([str(ROOT / plugin) for plugin in plugins])
    loaded = load(config, [*overrides, f"seed={seed}", f"data.split_seed={seed}"], catalogue)
    begun = {"resume": folder} if (folder / "config.yaml").is_file() else {"run_dir": folder}
    summary = train(loaded, catalogue, quiet=True, threads=threads, **begun)
    if summary.status != "done":
        sys.exit(f"{folder} was interrupted")


def measured(
    config: str, overrides: Sequence[str], seeds: Sequence[int], threads: int, runs: Path, plugins: Sequence[str] = ()
) -> RunRecord:
    """Train all seeds and make their record.

    Raises:
        TpzooError: a seed stops: a recipe that does is a fault of the recipe.
    """
    loaded = load(config, [*overrides, *SEEDLESS], plugins=[str(ROOT / plugin) for plugin in plugins])
    name = loaded.experiment.name
    folders = [runs / f"{name}-{seed}" for seed in seeds]
    for seed, folder in zip(seeds, folders, strict=True):
        trained(config, overrides, seed, threads, folder, plugins)
        print(f"{name}, seed {seed}: done", flush=True)
    found = find_runs(folders).runs
    built = build(loaded.experiment, loaded.catalogue)
    made_in = last_session(folders[-1])
    return RunRecord(
        name=name,
        config=config,
        overrides=tuple(overrides),
        config_hash=loaded.hash,
        data=str(built.data_identity["digest"]),
        commit=measured_at(made_in),
        threads=made_in["threads"],
        torch=made_in["packages"]["torch"],
        cpu=torch.backends.cpu.get_cpu_capability(),
        test_examples=len(built.data.test) if built.data.spec.task == "classification" else 0,
        epochs=loaded.experiment.epochs,
        seconds=sum(run.epochs["train_loss"].seconds[-1] for run in found if "train_loss" in run.epochs) / len(found),
        values=by_quantity(found),
        plugins=tuple(plugins),
    )


def last_session(folder: Path) -> dict[str, Any]:
    """What a run was made with: a folder that is read may be older than this process."""
    found: dict[str, Any] = json.loads((folder / "environment.json").read_text("utf-8"))["sessions"][-1]
    return found


def measured_at(session: Mapping[str, Any]) -> str:
    """The commit of tpzoo that a run was made with, with ``+`` where files differed from it."""
    revision = session.get("revision")
    return commit() if revision is None else revision["commit"] + "+" * bool(revision["changed"])


def commit(of: str = "HEAD") -> str:
    """The hash of a commit; with ``+`` where files of tpzoo or the configs differ from it."""
    found = subprocess.run(
        ["git", "rev-parse", of], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    changed = subprocess.run(["git", "diff", "--quiet", of, "--", "tpzoo", "configs"], cwd=ROOT).returncode
    return found + "+" * bool(changed)


def pinned_torch() -> str:
    """The version of torch in constraints.txt, major and minor."""
    (found,) = re.findall(r"^torch==(\d+\.\d+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    return str(found)


def why_stale(record: RunRecord, data: bool = True) -> Iterator[str]:
    """What differs from when it was measured; nothing if the record still belongs to what is here.

    Args:
        data: whether the data are read too.
    """
    try:
        plugins = [str(ROOT / plugin) for plugin in record.plugins]
        loaded = load(record.config, [*record.overrides, *SEEDLESS], plugins=plugins)
    except TpzooError as error:
        yield f"its config cannot be loaded: {error.what}"
        return
    if loaded.hash != record.config_hash:
        yield f"the resolved config is {loaded.hash}, and was {record.config_hash}"
    if not record.torch.startswith(f"{pinned_torch()}."):
        yield f"torch is {pinned_torch()}, and was {record.torch}"
    if data and (found := str(build(loaded.experiment, loaded.catalogue).data_identity["digest"])) != record.data:
        yield f"the data are {found}, and were {record.data}"


def chosen(records: Sequence[RunRecord], of: str) -> list[RunRecord]:
    """The sample of a commit: cheap records with a test error, in a random order that the commit decides."""
    cheap = [record for record in records if record.threads == 1 and record.seconds < CHEAP and record.of(ERROR)]
    order = random.Random(int(hashlib.sha256(of.encode()).hexdigest(), 16))
    return order.sample(sorted(cheap, key=lambda record: record.name), min(HOW_MANY, len(cheap)))


def check_sample(of: str) -> int:
    """Measure one seed of each record of the sample again; returns how many numbers no longer hold."""
    wrong, started, order = 0, time.monotonic(), random.Random(of)
    print(f"sample of commit {of}: python benchmarks/records.py sample --commit {of}")
    for record in chosen(list(read_records(RECORDS).values()), of):
        seed = order.choice(record.seeds)
        if time.monotonic() - started > MOST_SECONDS:
            print(f"{record.name}: left out, two minutes are over")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                run = Path(scratch) / "run"
                trained(record.config, record.overrides, int(seed), record.threads, run, record.plugins)
                values = by_quantity(find_runs([run]).runs)
                now = values[ERROR][seed]
            except TpzooError as error:
                print(f"{record.name}, seed {seed}: {error}")
                wrong += 1
                continue
        low, high = record.allowed(ERROR)
        moved = list(moved_probes(record, seed, values))
        for line in moved:
            print(f"{record.name}, seed {seed}: {line}")
        holds = low <= now <= high and not moved
        wrong += not holds
        said = "holds" if holds else "NO LONGER HOLDS"
        print(
            f"{record.name}, seed {seed}: test error {now:.2f} %, allowed {low:.2f} to {high:.2f}: {said}", flush=True
        )
    return wrong


def moved_probes(record: RunRecord, seed: str, values: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Of a float64 run, what its probes measure on the first step, where it is not what was recorded to 1e-9."""
    if "precision=float64" not in record.overrides:
        return
    for name, by_seed in record.values.items():
        if name.endswith(FIRST) and seed in by_seed:
            now, then = values.get(name, {}).get(seed, math.nan), by_seed[seed]
            if not math.isclose(now, then, rel_tol=EXACT, abs_tol=EXACT):
                yield f"{name} is {now!r}, and was {then!r}"


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("new", "make", "stale", "sample"))
    parser.add_argument("what", nargs="*")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--commit")
    given = parser.parse_args()
    records = read_records(RECORDS)
    if given.verb == "sample":
        return int(check_sample(given.commit or commit().rstrip("+")) > 0)
    if given.verb == "stale":
        found = [f"{name}: {why}" for name, record in records.items() for why in why_stale(record)]
        print("\n".join(found) or "none")
        return int(bool(found))
    with tempfile.TemporaryDirectory() as scratch:
        runs = given.runs or Path(scratch)
        if given.verb == "new":
            config, *overrides = given.what
            print(write_record(RECORDS, measured(config, overrides, given.seeds, given.threads, runs, given.plugin)))
            return 0
        for name in given.what or list(records):
            old = records[name]
            seeds = [int(seed) for seed in old.seeds]
            made = measured(old.config, old.overrides, seeds, old.threads, runs, old.plugins)
            print(write_record(RECORDS, made), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TpzooError as mistake:
        sys.exit(str(mistake))
