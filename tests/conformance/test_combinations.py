"""Legal combinations of built-in components train two steps, and what should move moves.

A cover of all legal ones: every triple of components, and every architecture with every map, learner and rule.
TPZOO_TEST_ALL=1 (``make test-all``) trains them all. What is legal is compared over the whole product either way.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.covering import covering
from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo import CompatibilityError
from tpzoo.assembly import combinations
from tpzoo.assembly.legality import check_compatible
from tpzoo.assembly.method import takes_a_map
from tpzoo.plugin.records import Record
from tpzoo.runner.build import Built, build

RULES = ("bp", "tp", "dtp", "gauss_newton")
WITHOUT_FEEDBACK = {"bp", "gauss_newton"}
AXES = ("architecture", *combinations.AXES, "loss")
HELD_WHOLE = ("architecture", "feedback.map", "learner", "rule")
NO_MAP = ""
"""Stands where a feedback path takes no map."""

Combination = tuple[str, ...]
"""The name of a component for each of ``AXES``."""


def names(place: str) -> list[str]:
    """The built-in components for a place in the config."""
    return [entry.record.name for entry in catalogue().entries(place.rpartition(".")[2])]


def record(place: str, name: str) -> Record:
    return catalogue().find(place.rpartition(".")[2], name).record


def legal() -> Iterator[Combination]:
    """All that the catalogue calls legal."""
    for architecture, loss in itertools.product(names("architecture"), names("loss")):
        ends = {"architecture": record("architecture", architecture), "loss": record("loss", loss)}
        for found in combinations.legal_combinations(catalogue(), {**ends, "data": record("dataset", "npz")}):
            chosen = {**ends, **found}
            yield tuple(chosen[axis].name if axis in chosen else NO_MAP for axis in AXES)


LEGAL = list(legal())
COVER = covering(LEGAL, 3, whole=[AXES.index(axis) for axis in HELD_WHOLE])
TRAINED = LEGAL if os.environ.get("TPZOO_TEST_ALL") else COVER


def product() -> Iterator[Combination]:
    """Every choice of a component for each axis, legal or not."""
    for chosen in itertools.product(*(names(axis) for axis in AXES)):
        found = dict(zip(AXES, chosen, strict=True))
        if takes_a_map(record("feedback", found["feedback"])):
            yield chosen
        elif found["feedback.map"] == names("feedback.map")[0]:
            yield tuple({**found, "feedback.map": NO_MAP}.values())


def refused(chosen: Combination) -> bool:
    """Whether the check that every config goes through refuses these components."""
    records = {axis: record(axis, name) for axis, name in zip(AXES, chosen, strict=True) if name}
    try:
        check_compatible({**records, "data": record("dataset", "npz")}, catalogue())
    except CompatibilityError:
        return True
    return False


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def overrides(chosen: Combination) -> list[str]:
    found = [f"{axis}={name}" for axis, name in zip(AXES, chosen, strict=True) if name]
    smallest = record("architecture", chosen[0]).smallest
    return [*found, *(f"architecture.{key}={_written(value)}" for key, value in smallest.items())]


def _written(value: object) -> str:
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


@pytest.mark.parametrize("chosen", TRAINED, ids=lambda chosen: "-".join(filter(None, chosen)))
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


def test_every_triple_and_every_method_on_every_architecture_is_trained() -> None:
    for axes in (*itertools.combinations(AXES, 3), HELD_WHOLE):
        columns = [AXES.index(axis) for axis in axes]
        trained, there = ({tuple(row[i] for i in columns) for row in rows} for rows in (COVER, LEGAL))
        assert trained == there, axes
    assert set(COVER) <= set(LEGAL)
    assert len(set(COVER)) == len(COVER) < len(LEGAL)


def test_what_the_catalogue_allows_is_what_can_work() -> None:
    """Maps and learners that train them go together, and so do rules that use feedback with a path that is there."""
    of_method = [AXES.index(axis) for axis in ("feedback", "learner", "rule")]
    found = {tuple(row[i] for i in of_method) for row in LEGAL}
    with_maps = {
        (f, le, r) for f in ("layerwise", "direct") for le in ("reconstruction", "drl", "frozen") for r in RULES
    }
    assert with_maps <= found
    assert {("tied", "none", rule) for rule in RULES} <= found
    assert {(f, le) for f, le, _ in found if f == "none"} == {("none", "none")}
    assert {rule for f, _, rule in found if f == "none"} == WITHOUT_FEEDBACK
    assert not [each for each in found if each[0] == "tied" and each[1] != "none"]


def test_a_config_refuses_what_the_catalogue_does_not_list_and_nothing_else() -> None:
    every = list(product())
    assert set(LEGAL) == {chosen for chosen in every if not refused(chosen)}
    assert len(LEGAL) == len(set(LEGAL)) < len(every) == len(set(every))


def test_loading_refuses_every_illegal_pair(data: Path) -> None:
    """Of the legal ones, every combination above is loaded."""
    allowed = set(LEGAL)
    for chosen in covering((row for row in product() if row not in allowed), 2):
        with pytest.raises(CompatibilityError):
            toy(data, *overrides(chosen))
