"""Finding run folders and reading what they hold."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tpzoo.config import load
from tpzoo.errors import DataError, TpzooError
from tpzoo.plugin.catalogue import OWN, Catalogue
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report.confirmed import code_of, confirm, data_of
from tpzoo.report.metrics import Metrics, Series, read_events

MARKS = ("metrics.csv", "config.yaml")
"""A folder that holds one of these is taken for a run."""

ELSEWHERE = ("loggers", "device")
"""What a config may have on one machine and cannot have on another."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        config: the resolved config.
        complete: the same with the settings that this tpzoo has and the run's did not, at their defaults: by it runs of
            two versions are compared.
        status: ``done``, ``running``, ``failed``, ``interrupted``; ``unknown`` if the folder does not say.
        blocks: the network's blocks from input to output; empty if the folder does not say.
        data: the digest of the data that it was made on; empty if the folder does not say.
        code: by session the digests of the code that it was made with, by distribution; empty if it does not say.
        device: the kind of device; empty if the folder does not say.
        kept: by epoch the label of a checkpoint of it; None if the folder holds no checkpoint.
        epochs, probes: the figures after every epoch, and those of the probes by their full names.
        times: what each pass over the training data took, by kind of pass.
        details: what stands behind the last test score, by name.
        baseline: the test error in per cent of always saying the commonest class; None if the folder does not say.
    """

    folder: Path
    config: dict[str, Any]
    complete: dict[str, Any]
    status: str
    blocks: tuple[str, ...]
    epochs: dict[str, Series]
    probes: dict[str, Series]
    kept: dict[int, str] | None = None
    data: str = ""
    code: tuple[tuple[tuple[str, str], ...], ...] = ()
    device: str = ""
    times: dict[str, Series] = field(default_factory=dict)
    details: dict[str, Series] = field(default_factory=dict)
    baseline: float | None = None

    @property
    def epoch(self) -> int:
        """Completed epochs."""
        return max((series.epochs[-1] for series in self.epochs.values()), default=0)

    @property
    def seed(self) -> tuple[Any, Any]:
        """What tells the runs of one method apart; the folder if the config does not say."""
        data = self.config.get("data")
        split = data.get("split_seed") if isinstance(data, dict) else None
        return (self.config["seed"], split) if "seed" in self.config else (str(self.folder), split)

    @property
    def learner(self) -> str:
        """The name of its feedback learner."""
        found = self.config.get("learner")
        name = found.get("name", "") if isinstance(found, dict) else found or ""
        return str(name).rsplit("/", 1)[-1]

    def kind(self, probe: str) -> str:
        """The name of the probe that the config calls ``probe``."""
        probes = self.config.get("probes")
        chosen = probes.get(probe) if isinstance(probes, dict) else None
        name = chosen.get("name", probe) if isinstance(chosen, dict) else chosen or probe
        return str(name).rsplit("/", 1)[-1]  # a distribution may stand before it


@dataclass(frozen=True)
class Found:
    """The runs that can be used, in the order given, and one warning for everything that is odd or was left out."""

    runs: list[Run]
    warnings: list[str]


def find_runs(places: Sequence[Path]) -> Found:
    """Read every run in ``places``: run folders, or folders that contain some at any depth.

    Raises:
        DataError: a place does not exist or holds no run, or no run can be used.
    """
    folders: dict[Path, Path] = {}
    warnings: list[str] = []
    for place in places:
        if not place.is_dir():
            raise DataError(f"{place} is not a folder" if place.exists() else f"{place} does not exist")
        inside = list(run_folders(place, warnings))
        if not inside:
            raise DataError(f"{place} holds no run: no folder in it has a metrics.csv or a config.yaml")
        for folder in inside:
            folders.setdefault(folder.resolve(), folder)
    runs = []
    for folder in folders.values():
        try:
            run, odd = _read(folder)
        except DataError as error:
            warnings.append(f"skipped: {error.what}")
        else:
            runs.append(run)
            warnings += odd
    if not runs:
        raise DataError(f"no run can be used; {'; '.join(warnings)}")
    return Found(runs, warnings)


def run_folders(place: Path, warnings: list[str]) -> Iterator[Path]:
    """The folders of runs in ``place``, at any depth; a warning for each folder that cannot be searched."""

    def refused(error: OSError) -> None:
        warnings.append(f"skipped: {error.filename} cannot be searched: {error.strerror}")

    seen: set[Path] = set()
    for name, below, files in os.walk(place, followlinks=True, onerror=refused):
        folder = Path(name)
        if folder.resolve() in seen:  # a link that leads back
            below.clear()
            continue
        seen.add(folder.resolve())
        is_run = any(mark in files for mark in MARKS)
        below[:] = sorted((each for each in below if not (is_run and each == "checkpoints")), key=natural)
        if is_run:
            yield folder


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts ``fc2`` before ``fc10``."""
    parts: list[str] = [""]
    for sign in name:
        if parts[-1] and parts[-1][-1].isdecimal() == sign.isdecimal():
            parts[-1] += sign
        else:
            parts.append(sign)
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts if part]


def _read(folder: Path) -> tuple[Run, list[str]]:
    checked = confirm(folder)
    try:
        metrics = read_events(folder, ("epoch", "probe", "time", "detail"), checked.confirmed)
        config = _config(folder / "config.yaml")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror} ({error.filename})") from error
    epochs, probes = metrics.events.get("epoch", {}), _at_intervals(metrics.events.get("probe", {}), config)
    if not epochs and not probes:
        raise DataError(f"{folder / 'metrics.csv'} holds no metric of an epoch or a probe")
    blocks = checked.environment.get("blocks", [])
    status = str(checked.status.get("status", "unknown"))
    known = isinstance(blocks, list) and all(isinstance(block, str) for block in blocks)
    listed = tuple(blocks) if known else ()
    environment = checked.environment
    run = Run(
        folder, config, _with_later_settings(config), status, listed, epochs, probes, checked.kept,
        data_of(environment), code_of(environment), str(environment.get("device", "")), metrics.events.get("time", {}),
        metrics.events.get("detail", {}), _baseline(environment),
    )  # fmt: skip
    return run, [*checked.notes, *_odd(run, metrics)]


def _baseline(environment: dict[str, Any]) -> float | None:
    found = environment.get("baseline")
    error = found.get("test_error") if isinstance(found, dict) else None
    return float(error) if isinstance(error, int | float) else None


def _at_intervals(probes: dict[str, Series], config: dict[str, Any]) -> dict[str, Series]:
    """The series of the probes, each with the interval that the config says."""
    settings = config.get("probes")
    found = {}
    for name, series in probes.items():
        own = settings.get(name.partition("/")[0]) if isinstance(settings, dict) else None
        every = own.get("every") if isinstance(own, dict) else None
        found[name] = replace(series, every=every if isinstance(every, int) and every > 0 else 1)
    return found


def _odd(run: Run, metrics: Metrics) -> Iterator[str]:
    if metrics.cut:
        yield f"{run.folder}: the last line of metrics.csv was cut short and is left out"
    if metrics.unconfirmed:
        yield f"{run.folder}: what metrics.csv holds after the last checkpoint is left out, as it is when resuming"
    if run.status != "done":
        yield f"{run.folder}: its status is '{run.status}', after {run.epoch} of {run.config.get('epochs', '?')} epochs"
    for name, series in [*run.epochs.items(), *run.probes.items()]:
        count = sum(not math.isfinite(value) for value in series.values)
        if count:
            yield f"{run.folder}: {count} of {len(series.values)} values of {name} are not finite and are left out"


def _config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path.parent} holds no config.yaml") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path} is not a config: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise DataError(f"{path} is not a config: it holds no keys")
    return {key: _short_names(value) for key, value in config.items()}


def _short_names(value: Any) -> Any:
    """The same with ``dtp`` for ``tpzoo/dtp``: what tpzoo itself brings is called by its bare name."""
    if isinstance(value, list):
        return [_short_names(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _short_names(each) for key, each in value.items()}
    if isinstance(found.get("name"), str):
        found["name"] = found["name"].removeprefix(f"{OWN}/")
    return found


def _with_later_settings(config: dict[str, Any]) -> dict[str, Any]:
    """As it is if it cannot be loaded here, or brings plugins of its own: to read a run is not to run its code."""
    if config.get("plugins"):
        return config
    elsewhere: dict[str, Any] = {key: config[key] for key in ELSEWHERE if key in config}
    try:
        rest = {key: value for key, value in config.items() if key not in elsewhere}
        complete = {**load(rest, (), _catalogue()).plain(), **elsewhere}
    except TpzooError:
        return config
    return complete if "name" in config else {key: value for key, value in complete.items() if key != "name"}


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()
