"""Flip single bytes of a run's folder, then resume, evaluate and report: nothing may be wrong without a word.

    python -m tests.faults.flips [--flips 200] [--processes 10] [--seed 0]

For a stopped and for a done run, flips are spread evenly over the files of the folder. After each, every verb must end
either as it does on the undamaged folder (the same weights, metrics and figures), or with a message that names the
file; never with a traceback. The first flips are made with real processes, the others in this one.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from click.testing import CliRunner

from tests.support.runs import run, signalled_after, toy, write_toy_data
from tpzoo.cli import main as tpzoo
from tpzoo.runner.manifest import WEIGHTS, read_labels

METHOD = ("epochs=3", "data.validation=12", "probes.bp_angle.every=2", "checkpoint.every_epochs=1")
BATCHES = 2 * 3 + 2
VERBS = ("resume", "evaluate", "report")
UNCHECKED = ("command.txt", ".lock")
"""What no verb reads."""


@dataclass
class Ending:
    """How a verb ended: its exit code, what it said, and what it made."""

    code: int
    said: str
    made: Any = None
    crashed: bool = False


@dataclass
class Verdicts:
    """How often each thing happened, and every wrong one."""

    unchanged: int = 0
    named: int = 0
    wrong: list[str] = field(default_factory=list)


def make_runs(folder: Path) -> dict[str, Path]:
    """A stopped and a done run."""
    loaded = toy(write_toy_data(folder), *METHOD)
    with signalled_after(BATCHES):
        run(loaded, folder / "stopped")
    run(loaded, folder / "done")
    return {"stopped": folder / "stopped", "done": folder / "done"}


def in_process(overrides: Sequence[str]) -> Ending:
    """A command in this process."""
    found = CliRunner().invoke(tpzoo, list(overrides))
    crashed = found.exception is not None and not isinstance(found.exception, SystemExit)
    return Ending(found.exit_code, f"{found.output}{found.exception if crashed else ''}", crashed=crashed)


def as_process(overrides: Sequence[str]) -> Ending:
    """A command in a process of its own."""
    call = [sys.executable, "-c", "from tpzoo.cli import main; main()", *overrides]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    return Ending(done.returncode, done.stdout + done.stderr, crashed="Traceback" in done.stderr)


def apply(verb: str, folder: Path, out: Path, call: Any) -> Ending:
    """Use ``verb`` on a copy of a run's folder."""
    if verb == "resume":
        found: Ending = call(["train", "--resume", str(folder)])
        found.made = (weights(folder), rows(folder / "metrics.csv")) if found.code == 0 else None
        return found
    if verb == "evaluate":
        found = call(["evaluate", str(folder), "--json"])
        found.made = found.said.split("{", 1)[-1] if found.code == 0 else None
        return found
    found = call(["report", str(folder), "--out", str(out), "--format", "svg"])
    if found.code == 0:
        found.made = {path.name: path.read_bytes() for path in sorted((out / "tables").iterdir())}
    return found


def weights(folder: Path) -> dict[str, bytes]:
    """The bytes of every weight of the last checkpoint."""
    checkpoints = folder / "checkpoints"
    last = safetensors.torch.load_file(checkpoints / read_labels(checkpoints)["last"] / WEIGHTS)
    return {name: value.numpy().tobytes() for name, value in last.items()}


def rows(path: Path) -> list[list[str]]:
    """The rows without the times."""
    with path.open(newline="") as file:
        return [row[:-1] for row in csv.reader(file) if row[0] != "time"]


@contextmanager
def copied(source: Path, scratch: Path) -> Iterator[Path]:
    """A copy of a run at a place that is the same for all, as reports show it."""
    folder = scratch / "copy" / "run"
    shutil.copytree(source, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(scratch / "copy")


def flip(path: Path, numbers: random.Random) -> str:
    """Flip a bit of one byte; says which."""
    content = bytearray(path.read_bytes())
    at, bit = numbers.randrange(len(content)), numbers.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"byte {at} bit {bit}"


def try_run(source: Path, flips: int, processes: int, scratch: Path, numbers: random.Random) -> Verdicts:
    """Flip ``flips`` bytes of a run, one at a time."""
    found = Verdicts()
    files = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file() and path.stat().st_size]
    files = [path for path in files if path.name not in UNCHECKED]
    expected: dict[str, Ending] = {}
    for verb in VERBS:
        with copied(source, scratch) as folder:
            expected[verb] = apply(verb, folder, scratch / "copy" / "report", in_process)
    for number in range(flips):
        file, call = files[number % len(files)], as_process if number < processes else in_process
        seed = numbers.randrange(2**31)
        for verb in VERBS:
            with copied(source, scratch) as folder:
                what = f"{verb}: {file} {flip(folder / file, random.Random(seed))}"
                ending = apply(verb, folder, scratch / "copy" / "report", call)
            judge(found, what, file, ending, expected[verb])
    return found


def judge(found: Verdicts, what: str, file: Path, ending: Ending, expected: Ending) -> None:
    """Count an ending, or note what is wrong with it."""
    named = file.name in ending.said
    if ending.crashed:
        found.wrong.append(f"{what}: a traceback: {ending.said[-300:]}")
    elif ending.code == expected.code and ending.made == expected.made:
        found.unchanged += 1
    elif named:
        found.named += 1
    else:
        found.wrong.append(f"{what}: exit {ending.code}: {ending.said[-300:]}")


def flips(count: int, processes: int, seed: int) -> Mapping[str, Verdicts]:
    """Try both runs."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    numbers = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        return {
            kind: try_run(source, count, processes, scratch, numbers) for kind, source in make_runs(scratch).items()
        }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    wrong = 0
    for kind, found in flips(chosen.flips, chosen.processes, chosen.seed).items():
        print(f"{kind}: {found.unchanged} endings unchanged, {found.named} named the file, {len(found.wrong)} wrong")
        for line in found.wrong:
            print(f"  {line}")
        wrong += len(found.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
