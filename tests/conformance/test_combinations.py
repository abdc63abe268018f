"""Every legal combination of built-in components trains two steps, and what should move moves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.helpers.runs import catalogue, toy, write_toy_data
from tpzoo.assembly.combinations import legal_combinations
from tpzoo.assembly.legality import incompatibilities
from tpzoo.plugin.records import Record
from tpzoo.runner.build import Built, build

RULES = ("bp", "tp", "dtp", "gauss_newton")
WITHOUT_FEEDBACK = {"bp", "gauss_newton"}
AXES = ("architecture", "feedback", "map", "learner", "rule", "output", "loss")
Combination = dict[str, str]


def names(kind: str) -> list[str]:
    """The built-in components of a kind."""
    return [entry.record.name for entry in catalogue().entries() if entry.record.kind == kind]


def record(kind: str, name: str) -> Record:
    return catalogue().find(kind, name).record


def takes_a_map(feedback: str) -> bool:
    settings = record("feedback", feedback).config
    return settings is not None and "map" in settings.__dataclass_fields__


def combinations() -> Iterator[Combination]:
    """All that the catalogue's capabilities allow; a path without maps counts once."""
    for chosen in itertools.product(*map(names, AXES)):
        found = dict(zip(AXES, chosen, strict=True))
        if not takes_a_map(found["feedback"]):
            if found["map"] != names("map")[0]:
                continue
            del found["map"]
        records = {axis: record(axis, name) for axis, name in found.items()}
        records["data"] = record("dataset", "npz")
        if not incompatibilities(records, catalogue()):
            yield found


LEGAL = list(combinations())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def overrides(chosen: Combination) -> list[str]:
    found = [f"{axis}={name}" for axis, name in chosen.items() if axis != "map"]
    if "map" in chosen:
        found.append(f"feedback.map={chosen['map']}")
    smallest = record("architecture", chosen["architecture"]).smallest
    return [*found, *(f"architecture.{key}={_word(value)}" for key, value in smallest.items())]


def _word(value: object) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def after_two_steps(built: Built) -> tuple[list[float], set[str]]:
    """The losses of two steps on one batch, and the members of which any weight moved."""
    engine, train = built.engine, built.data.train
    weights = {**dict(engine.network.named_parameters()), **dict(engine.feedback.named_parameters())}
    before = {name: p.detach().clone() for name, p in weights.items()}
    x, y = built.data.prepare(train.x[:16], built.dtype), train.y[:16]
    losses = [engine.loss.per_sample(engine.train_batch(x, y), y).mean().item() for _ in range(2)]
    assert all(bool(p.isfinite().all()) for p in weights.values())
    return losses, {".".join(name.split(".")[:2]) for name, p in weights.items() if not torch.equal(before[name], p)}


@pytest.mark.parametrize("chosen", LEGAL, ids=lambda chosen: "-".join(chosen.values()))
def test_two_steps(chosen: Combination, data: Path) -> None:
    loaded = toy(data, *overrides(chosen))
    built = build(loaded.experiment, catalogue())
    engine = built.engine
    losses, moved = after_two_steps(built)
    assert torch.tensor(losses).isfinite().all()
    assert losses[0] != losses[1]
    learns = engine.feedback_learns
    maps = {f"maps.{edge.name}" for edge in engine.feedback.edges if list(edge.map.parameters())}
    assert moved == {f"blocks.{name}" for name in engine.network.blocks} | (maps if learns else set())


def test_what_the_catalogue_allows_is_what_can_work() -> None:
    """Maps and learners that train them go together, and so do rules that use feedback with a path that is there."""
    found = {(c["feedback"], c["learner"], c["rule"]) for c in LEGAL}
    with_maps = {
        (f, le, r) for f in ("layerwise", "direct") for le in ("reconstruction", "drl", "frozen") for r in RULES
    }
    assert with_maps <= found
    assert {("tied", "none", rule) for rule in RULES} <= found
    assert {(f, le) for f, le, _ in found if f == "none"} == {("none", "none")}
    assert {rule for f, _, rule in found if f == "none"} == WITHOUT_FEEDBACK
    assert not [each for each in found if each[0] == "tied" and each[1] != "none"]


def test_the_matrix_says_the_same() -> None:
    """``tpzoo matrix`` enumerates in a way of its own, without architectures and losses."""
    beside = {"architecture": record("architecture", "mlp"), "data": record("dataset", "npz")}
    theirs = {
        tuple(r.name for place, r in found.items() if place != "rule.update")
        for found in legal_combinations(catalogue(), beside)
        if found["rule.update"].name == "gradient"
    }
    axes = ("feedback", "map", "learner", "rule", "output")
    assert theirs == {tuple(found[axis] for axis in axes if axis in found) for found in LEGAL}
