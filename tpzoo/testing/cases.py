"""Every check of every record of a plugin, as cases that pytest, or nobody else, runs."""

from __future__ import annotations

import importlib
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tpzoo.errors import PluginError
from tpzoo.plugin.catalogue import Catalogue, Entry, PluginInfo
from tpzoo.plugin.discovery import load_catalogue, of_target
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import applies

Check = Callable[..., None]
"""``check(record, stage)``: returns, or raises what is wrong."""

CHECKS = {
    "architecture": ("architectures:CHECKS",),
    "feedback": ("paths:CHECKS",),
    "map": ("maps:CHECKS",),
    "twin": ("twins:CHECKS",),
    "learner": ("learners:CHECKS",),
    "rule": ("rules:CHECKS", "rules_over_steps:CHECKS"),
    "update": ("updates:CHECKS",),
    "output": ("objectives:OUTPUTS",),
    "loss": ("objectives:LOSSES",),
    "dataset": ("datasets:CHECKS",),
    "probe": ("probes:CHECKS",),
    "logger": ("loggers:CHECKS",),
    "optimizer": ("optimizers:OPTIMIZERS",),
    "schedule": ("optimizers:SCHEDULES",),
}
"""Where the checks of every kind are, beside those of ``common``, which every record gets."""


@dataclass(frozen=True)
class Case:
    """One check of one entry.

    Attributes:
        entry: the record, and the plugin that it is from.
        check: the function that makes the check; its name is the check's.
        catalogue: where the entry finds partners.
    """

    entry: Entry
    check: Check
    catalogue: Catalogue

    @property
    def name(self) -> str:
        """The check's name, which ``expected_failures`` uses."""
        return self.check.__name__

    @property
    def id(self) -> str:
        """``kind:name:check``."""
        return f"{self.entry.record.kind}:{self.entry.record.name}:{self.name}"

    @property
    def expected_failure(self) -> str | None:
        """Why the entry cannot pass, if its record says so."""
        return self.entry.record.expected_failures.get(self.name)

    def run(self, device: str = "cpu") -> None:
        """Make the check.

        Raises:
            ConformanceError: the entry does not keep its contract. Any other error says the same.
            unittest.SkipTest: the check cannot be made here.
        """
        from tpzoo.testing.stage import Stage

        self.check(self.entry.record, Stage(self.catalogue, device))


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    case: Case
    status: Literal["passed", "failed", "skipped", "expected failure", "unexpected pass"]
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the entry is as its record says."""
        return self.status not in ("failed", "unexpected pass")


def conformance_cases(plugin: Catalogue | str | Path) -> list[Any]:
    """The cases of ``plugin`` as parameters for ``pytest.mark.parametrize("case", ...)``; see :mod:`tpzoo.testing`.

    Expected failures are strict: an entry that passes one after all fails.

    Args:
        plugin: a catalogue (all of it), or a distribution, a module or a file.

    Raises:
        PluginError: the plugin cannot be loaded, or there is none.
    """
    import pytest

    def marks(case: Case) -> list[Any]:
        reason = case.expected_failure
        return [] if reason is None else [pytest.mark.xfail(strict=True, reason=reason)]

    return [pytest.param(case, id=case.id, marks=marks(case)) for case in all_cases(plugin)]


def all_cases(plugin: Catalogue | str | Path) -> list[Case]:
    """The cases of ``plugin``; arguments and errors as :func:`conformance_cases`."""
    catalogue, entries = _entries(plugin)
    return [case for entry in entries for case in _cases(entry, catalogue)]


def check(record: Record, catalogue: Catalogue | None = None, device: str = "cpu") -> list[Outcome]:
    """Make every check of one record, without pytest.

    Args:
        record: any record, registered or not.
        catalogue: where it finds partners; default: everything that is installed.
        device: where to run.
    """
    partners = catalogue or load_catalogue()
    known = [entry for entry in partners.entries(record.kind) if entry.record is record]
    entry = known[0] if known else Entry(record, PluginInfo(key="unregistered", distribution="unregistered"))
    return [_outcome(case, device) for case in _cases(entry, partners)]


def _outcome(case: Case, device: str) -> Outcome:
    expected = case.expected_failure
    try:
        case.run(device)
    except unittest.SkipTest as reason:
        return Outcome(case, "skipped", str(reason))
    except Exception as error:
        if expected is not None:
            return Outcome(case, "expected failure", expected)
        return Outcome(case, "failed", f"{type(error).__name__}: {error}")
    return Outcome(case, "passed") if expected is None else Outcome(case, "unexpected pass", expected)


def _cases(entry: Entry, catalogue: Catalogue) -> Iterator[Case]:
    for function in checks_of_kind(entry.record.kind):
        if applies(function, entry.record):
            yield Case(entry, function, catalogue)


def checks_of_kind(kind: str) -> tuple[Check, ...]:
    """Every check that a record of ``kind`` may get."""
    found: list[Check] = []
    for place in ("common:CHECKS", *CHECKS.get(kind, ())):
        module, _, name = place.partition(":")
        found.extend(getattr(importlib.import_module(f"tpzoo.testing.{module}"), name))
    return tuple(found)


def _entries(plugin: Catalogue | str | Path) -> tuple[Catalogue, list[Entry]]:
    if isinstance(plugin, Catalogue):
        return plugin, plugin.entries()
    catalogue, found = of_target(load_catalogue(), str(plugin))
    for info in found:
        if info.error:
            raise info.error
    if not found:
        raise PluginError(f"there is no plugin '{plugin}'", "name a distribution, a module or a file")
    keys = {info.key for info in found}
    return catalogue, [entry for entry in catalogue.entries() if entry.plugin.key in keys]
