"""Runs that differ in nothing but their seeds are one method; methods get labels that tell them apart."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tpzoo.config.resolved import IRRELEVANT
from tpzoo.report.metrics import Series
from tpzoo.report.runs import Run

SEEDS = (("seed",), ("data", "split_seed"))
LEFT_OUT = (*SEEDS, *(path for path in IRRELEVANT if path != ("name",)))
"""Keys of a config that do not make another method: seeds, and what changes no result."""

COMPONENTS = ("rule", "learner", "feedback", "feedback.map", "architecture", "output", "loss")
"""What a method is made of: their names come first in a label, then their settings."""

CODE, DATA = "code", "data digest"
"""What no config says of a method: digests of the code that it was made with, and of the data."""

LAST = ("epochs", "batch_size", "evaluation_batch_size", "data", DATA, CODE)
"""What says least of a method, and is named only where nothing else tells it apart."""


@dataclass(frozen=True)
class Method:
    """One config with its runs, one for each seed.

    Attributes:
        index: its place in the order given; decides its colour.
        settings: what its config says by path, without what makes no other method.
    """

    label: str
    index: int
    runs: list[Run]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """The name of its data set."""
        return _name(self.runs[0].config.get("data"))

    @property
    def unfinished(self) -> list[Run]:
        """The runs that are not done."""
        return [run for run in self.runs if run.status != "done"]

    @property
    def counted(self) -> list[Run]:
        """The runs that its figures are of: those that are done; where none is, those with the most epochs."""
        done = [run for run in self.runs if run.status == "done"]
        return done or [run for run in self.runs if run.epoch == max(each.epoch for each in self.runs)]

    @property
    def is_done(self) -> bool:
        """Whether its figures are of runs that are done."""
        return len(self.unfinished) < len(self.runs)

    @property
    def epochs(self) -> str:
        """Completed epochs of the runs that count: a number, or a range where they differ."""
        completed = [run.epoch for run in self.counted]
        least, most = min(completed), max(completed)
        return str(most) if least == most else f"{least}-{most}"


def make_methods(runs: Iterable[Run], join_code: bool = False) -> tuple[list[Method], list[str]]:
    """The methods in the order of their first runs, and a warning for every run that repeats another.

    Runs of one config that were made with other code or on other data are other methods: a warning says so.

    Args:
        join_code: runs that were made with other code are one method, of which :func:`joined` says so.
    """
    groups: dict[str, list[Run]] = {}
    warnings = []
    for run in runs:
        made_of = [run.data, *([] if join_code else [run.code])]
        group = groups.setdefault(json.dumps([_essence(run.complete), made_of], sort_keys=True, default=str), [])
        twin = next((each for each in group if each.seed == run.seed), None)
        if twin is None:
            group.append(run)
            continue
        kept, other = (twin, run) if _rank(twin) >= _rank(run) else (run, twin)
        more = {name: series for name, series in other.probes.items() if name not in kept.probes}
        group[group.index(twin)] = _with_probes(kept, other, more) if more else kept
        taken = "; what its other probes measured is taken over" if more else ""
        warnings.append(f"skipped: {other.folder} has the config and the seeds of {kept.folder}{taken}")
    configs = [_identified(group[0], join_code) for group in groups.values()]
    warnings += [*_apart(groups.values()), *(line for group in groups.values() for line in _odd_together(group))]
    made = zip(make_labels(configs), groups.values(), configs, strict=True)
    return [Method(label, i, group, dict(_flatten(config))) for i, (label, group, config) in enumerate(made)], warnings


def _with_probes(run: Run, other: Run, more: dict[str, Series]) -> Run:
    """``run`` with what the probes of another measured, a run of the same config and seed but for its probes."""
    configs = [each.config.get("probes") for each in (other, run)]
    probes = {key: value for each in configs if isinstance(each, dict) for key, value in each.items() if value}
    return replace(run, probes={**run.probes, **more}, config={**run.config, "probes": probes})


def _identified(run: Run, join_code: bool) -> dict[str, Any]:
    """What makes a run's method, with the digests of what no config says."""
    code = "" if join_code or not run.code else short_digest(run.code)
    return {**_essence(run.complete), **({CODE: code} if code else {}), **({DATA: run.data[:8]} if run.data else {})}


def short_digest(code: Any) -> str:
    """Eight hex digits of the code that a run was made with."""
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:8]


def _apart(groups: Iterable[list[Run]]) -> Iterator[str]:
    """A line for each config of which there are several methods."""
    by_config: dict[str, list[list[Run]]] = {}
    for group in groups:
        by_config.setdefault(json.dumps(_essence(group[0].complete), sort_keys=True, default=str), []).append(group)
    for several in by_config.values():
        if len(several) > 1:
            firsts = [group[0] for group in several]
            named = ", ".join(str(run.folder) for run in firsts)
            code = _code_that_differs(firsts)
            data = ["data"] if len({run.data for run in firsts}) > 1 else []
            reasons = [*data, *([f"code ({code})"] if code else [])]
            join = "; report --join-code puts those together" if code else ""
            yield f"one config, but other {' and '.join(reasons)}, so other methods: {named}{join}"


def _odd_together(runs: Sequence[Run]) -> Iterator[str]:
    """What is said of the runs of one method."""
    devices = sorted({run.device for run in runs if run.device})
    if len(devices) > 1:
        named = ", ".join(f"{run.folder} ({run.device})" for run in runs if run.device)
        yield f"the seeds of one method come from several kinds of device: {named}"


def joined(runs: Sequence[Run]) -> str:
    """What is said of the runs of one method that were made with other code; empty if none was."""
    if code := _code_that_differs(runs):
        named = ", ".join(f"{run.folder} ({short_digest(run.code)})" for run in runs)
        return f"joined by --join-code, though their code differs ({code}): {named}."
    return ""


def _code_that_differs(runs: Sequence[Run]) -> str:
    """The distributions whose code is not the same in all runs; empty if there is none."""
    if len({run.code for run in runs}) < 2:
        return ""
    owners = sorted({owner for run in runs for session in run.code for owner, _ in session})
    found = [
        owner for owner in owners
        if len({tuple(dict(session).get(owner) for session in run.code) for run in runs}) > 1
    ]  # fmt: skip
    return ", ".join(found) or "not known of all"


def differing_settings(methods: Sequence[Method]) -> list[str]:
    """The settings that are not alike in all of them, the most telling first."""
    return [key for key in _differing([method.settings for method in methods]) if key != "name"]


def make_labels(configs: Sequence[dict[str, Any]]) -> list[str]:
    """The configs' names, with the settings that differ where several have one name."""
    labels = [str(config.get("name") or "unnamed") for config in configs]
    for name, count in Counter(labels).items():
        if count > 1:
            chosen = [i for i, label in enumerate(labels) if label == name]
            for i, difference in zip(chosen, _differences([configs[i] for i in chosen]), strict=True):
                labels[i] = f"{name} ({difference})" if difference else name
    return _unique(labels)


def _rank(run: Run) -> tuple[bool, int]:
    return run.status == "done", run.epoch


def _essence(config: dict[str, Any]) -> dict[str, Any]:
    kept = copy.deepcopy(config)
    for path in LEFT_OUT:
        _remove(kept, path)
    return kept


def _remove(tree: Any, path: tuple[str, ...]) -> None:
    """Remove what stands at ``path``, and the groups that this leaves empty."""
    key, *rest = path
    if not isinstance(tree, dict) or key not in tree:
        return
    if rest:
        _remove(tree[key], tuple(rest))
    if not rest or tree[key] == {}:
        del tree[key]


def _name(component: Any) -> str:
    return str(component.get("name", "") if isinstance(component, dict) else component or "")


def _differences(configs: Sequence[dict[str, Any]]) -> list[str]:
    """The fewest settings, the most telling first, that tell the configs apart."""
    flat = [dict(_flatten(config)) for config in configs]
    shown: list[str] = []
    for key in _differing(flat):
        if _kinds(flat, [*shown, key]) > _kinds(flat, shown):  # a setting that follows from those shown says nothing
            shown.append(key)
        if _kinds(flat, shown) == len(flat):
            break
    return [_written(each, shown) for each in flat]


def _differing(flat: Sequence[dict[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for each in flat for key in each)
    values = {key: {json.dumps(each[key], default=str) for each in flat if key in each} for key in keys}
    constant = {key for key in keys if len(values[key]) == 1}
    found = [key for key in keys if key not in constant or any(key not in each for each in flat)]
    # a setting that some have not, and the others all alike, may be one that an earlier version did not have
    return sorted(found, key=lambda key: (key in constant, _place(key)))


def _place(key: str) -> int:
    """Where a key stands in a label: names of components, their settings, everything else, what says least."""
    named, top = key.removesuffix(".name"), key.split(".")[0]
    if named in COMPONENTS:
        return COMPONENTS.index(named)
    owners = [i for i, each in enumerate(COMPONENTS) if key.startswith(f"{each}.")]
    if owners:
        return len(COMPONENTS) + owners[-1]
    return 2 * len(COMPONENTS) + (1 + LAST.index(top) if top in LAST else 0)


def _kinds(flat: Sequence[dict[str, Any]], keys: Sequence[str]) -> int:
    return len({_written(each, keys) for each in flat})


def _written(values: dict[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key.removesuffix('.name')}={_word(values[key])}" for key in keys if key in values)


def _word(value: Any) -> str:
    """As JSON; a text without its quotes, unless it would read as something else, as "1" and "true" do."""
    return value if isinstance(value, str) and not _is_json(value) else json.dumps(value, default=str)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _flatten(value: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _flatten(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _unique(labels: Sequence[str]) -> list[str]:
    unique: list[str] = []
    for label in labels:
        number, free = 1, label
        while free in unique:
            number += 1
            free = f"{label} [{number}]"
        unique.append(free)
    return unique
