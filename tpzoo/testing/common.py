"""Checks of every record, whatever its kind."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tpzoo.errors import DataError, SettingError
from tpzoo.plugin.catalogue import Entry
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import NoSettings
from tpzoo.plugin.validation import complaint_about
from tpzoo.testing.applies import only_if
from tpzoo.testing.optimizers import optimizer, weights
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.stage import Stage
from tpzoo.testing.watching import global_generators_rest

NOT_BUILT = ("recipe", "twin")


def valid(record: Record, stage: Stage) -> None:
    """The record is one that the catalogue takes, and ``expected_failures`` names checks that exist for its kind."""
    from tpzoo.testing.cases import checks_of_kind

    complaint = complaint_about(record)
    require(complaint is None, f"the record {' - '.join(complaint or ())}")
    known = {check.__name__ for check in checks_of_kind(record.kind)}
    unknown = set(record.expected_failures) - known
    require(not unknown, f"expected_failures names {sorted(unknown)}; the checks are {', '.join(sorted(known))}")


@only_if(lambda record: record.kind not in NOT_BUILT)
def builds_from_defaults(record: Record, stage: Stage) -> None:
    """The name alone selects something that can be built."""
    build(record, stage, smallest=False)


@only_if(lambda record: record.kind not in NOT_BUILT)
def builds_from_smallest(record: Record, stage: Stage) -> None:
    """The record's own smallest settings can be built, without a draw from a global generator."""
    with global_generators_rest("building"):
        build(record, stage, smallest=True)


@only_if(lambda record: record.kind != "recipe")
def config_round_trip(record: Record, stage: Stage) -> None:
    """Settings written to a config and read again are the same settings."""
    from tpzoo.config import settings_from, to_plain

    for smallest in (True, False):
        settings = stage.choose(record, smallest).settings
        if settings != NoSettings():
            plain = to_plain(settings)
            again = settings_from(record, plain, stage.catalogue)
            require(again == settings, f"settings {settings} became {again}, through the config {plain}")


@only_if(lambda record: record.kind not in NOT_BUILT and isinstance(record.build, str))
def light_import(record: Record, stage: Stage) -> None:
    """Listing the entry loads no torch: its plugin gives ``build`` as text, so that only building imports anything."""
    source = _entry(record, stage).plugin.source
    if not source:
        skip("the record is not registered: there is no plugin to import")
    require(_loads_no_torch(source.partition(":")[0]), f"importing the plugin '{source}' loads torch")


@functools.cache
def _loads_no_torch(source: str) -> bool:
    from tpzoo.plugin.discovery import is_file

    load = f"runpy.run_path({source!r})" if is_file(source) else f"importlib.import_module({source!r})"
    program = f"import sys, runpy, importlib; sys.path[:] = {sys.path!r}; {load}; sys.exit('torch' in sys.modules)"
    return subprocess.run([sys.executable, "-c", program], check=False, cwd=Path.cwd()).returncode == 0


def _entry(record: Record, stage: Stage) -> Entry:
    for entry in stage.catalogue.entries(record.kind):
        if entry.record is record:
            return entry
    skip("the record is not registered: there is no plugin to import")


def build(record: Record, stage: Stage, smallest: bool) -> Any:
    """Build a record of any kind, with what its builder asks for."""
    return BUILDERS.get(record.kind, _without_arguments)(record, stage, smallest)


def _without_arguments(record: Record, stage: Stage, smallest: bool) -> Any:
    return stage.make(record, smallest=smallest)


def _for_spec(record: Record, stage: Stage, smallest: bool) -> Any:
    return stage.make(record, stage.spec(record), smallest=smallest)


def _path(record: Record, stage: Stage, smallest: bool) -> Any:
    method = stage.method(record)
    return stage.feedback(record, method.map, stage.network(method.architecture.record), smallest=smallest)


def _map(record: Record, stage: Stage, smallest: bool) -> Any:
    method = stage.method(record)
    network = stage.network(method.architecture.record)
    return stage.feedback(method.feedback.record, stage.choose(record, smallest), network)


def _dataset(record: Record, stage: Stage, smallest: bool) -> Any:
    try:
        return stage.make(record, smallest=smallest)
    except (DataError, SettingError) as error:
        skip(error.what)


def _logger(record: Record, stage: Stage, smallest: bool) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return stage.make(record, Path(folder), smallest=smallest)


def _optimizer(record: Record, stage: Stage, smallest: bool) -> Any:
    return optimizer(record, stage, weights(stage), smallest)


def _schedule(record: Record, stage: Stage, smallest: bool) -> Any:
    return stage.make(record, torch.optim.SGD([torch.zeros(3)], lr=0.1), 5, smallest=smallest)


BUILDERS: Mapping[str, Callable[[Record, Stage, bool], Any]] = MappingProxyType(
    {
        "architecture": _for_spec,
        "loss": _for_spec,
        "feedback": _path,
        "map": _map,
        "dataset": _dataset,
        "logger": _logger,
        "optimizer": _optimizer,
        "schedule": _schedule,
    }
)

CHECKS = (valid, builds_from_defaults, builds_from_smallest, config_round_trip, light_import)
