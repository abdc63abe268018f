"""Runs that differ in nothing but their seeds are one method; methods get labels that tell them apart."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tpzoo.config.resolved import IRRELEVANT
from tpzoo.report.runs import Run

SEEDS = (("seed",), ("data", "split_seed"))
LEFT_OUT = (*SEEDS, *(path for path in IRRELEVANT if path != ("name",)))
"""Keys of a config that do not make another method: seeds, and what changes no result."""

SHOWN = 4
"""Differences that a label names."""


@dataclass(frozen=True)
class Method:
    """One config with its runs, one for each seed.

    Attributes:
        index: its place in the order given; decides its colour.
    """

    label: str
    index: int
    runs: list[Run]

    @property
    def data(self) -> str:
        """The name of its data set."""
        return _name(self.runs[0].config.get("data"))

    @property
    def epochs(self) -> str:
        """Completed epochs: a number, or a range where the runs differ."""
        least, most = min(run.epoch for run in self.runs), max(run.epoch for run in self.runs)
        return str(most) if least == most else f"{least}-{most}"


def make_methods(runs: Iterable[Run]) -> tuple[list[Method], list[str]]:
    """The methods in the order of their first runs, and a warning for every run that repeats another."""
    groups: dict[str, list[Run]] = {}
    warnings = []
    for run in runs:
        group = groups.setdefault(json.dumps(_essence(run.complete), sort_keys=True, default=str), [])
        twin = next((each for each in group if each.seed == run.seed), None)
        if twin is None:
            group.append(run)
            continue
        kept, other = (twin, run) if _rank(twin) >= _rank(run) else (run, twin)
        group[group.index(twin)] = kept
        warnings.append(f"skipped: {other.folder} has the config and the seeds of {kept.folder}")
    labels = make_labels([_essence(group[0].config) for group in groups.values()])
    return [Method(label, i, group) for i, (label, group) in enumerate(zip(labels, groups.values(), strict=True))], (
        warnings
    )


def make_labels(configs: Sequence[dict[str, Any]]) -> list[str]:
    """The configs' names, with the settings that differ where several have one name."""
    labels = [str(config.get("name") or "unnamed") for config in configs]
    for name, count in Counter(labels).items():
        if count > 1:
            chosen = [i for i, label in enumerate(labels) if label == name]
            for i, words in zip(chosen, _differences([configs[i] for i in chosen]), strict=True):
                labels[i] = f"{name} ({words})" if words else name
    return _unique(labels)


def _rank(run: Run) -> tuple[bool, int]:
    return run.status == "done", run.epoch


def _essence(config: dict[str, Any]) -> dict[str, Any]:
    kept = copy.deepcopy(config)
    for *groups, key in LEFT_OUT:
        place: Any = kept
        for group in groups:
            place = place.get(group)
        if isinstance(place, dict):
            place.pop(key, None)
    return kept


def _name(component: Any) -> str:
    return str(component.get("name", "") if isinstance(component, dict) else component or "")


def _differences(configs: Sequence[dict[str, Any]]) -> list[str]:
    flat = [dict(_flatten(config)) for config in configs]
    keys = list(dict.fromkeys(key for each in flat for key in each))
    differing = [key for key in keys if len({json.dumps(each.get(key), default=str) for each in flat}) > 1]
    replaced = {key.removesuffix("name") for key in differing if key.endswith(".name")}  # their settings say less
    settings = [key for key in differing if not key.startswith("probes.")]  # what is measured says least of a method
    names = [key for key in settings if not any(key.startswith(each) and key != f"{each}name" for each in replaced)]
    for keys in (names, settings, differing):
        words = [_words({key: each[key] for key in keys if key in each}) for each in flat]
        if len(set(words)) == len(words):
            break
    return words


def _words(values: dict[str, Any]) -> str:
    words = [f"{key.removesuffix('.name')}={_word(value)}" for key, value in values.items()]
    return ", ".join([*words[:SHOWN], *(["..."] if len(words) > SHOWN else [])])


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _flatten(value: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _unique(labels: Sequence[str]) -> list[str]:
    counts: Counter[str] = Counter()
    unique = []
    for label in labels:
        counts[label] += 1
        unique.append(label if counts[label] == 1 else f"{label} [{counts[label]}]")
    return unique
