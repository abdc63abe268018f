"""Of the engine's contracts a class is abstract or final: no override can leave the method beside it stale."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import tpzoo
from tpzoo.engine import At, differences
from tpzoo.engine.block import Block
from tpzoo.engine.learner import Learner
from tpzoo.engine.logger import Logger
from tpzoo.engine.maps import FeedbackMap
from tpzoo.engine.objective import Loss, Output
from tpzoo.engine.probe import Probe
from tpzoo.engine.rule import Rule
from tpzoo.engine.twin import TwinLayer
from tpzoo.engine.update import Update

CONTRACTS = (Block, FeedbackMap, Learner, Logger, Loss, Output, Probe, Rule, TwinLayer, Update)


def classes() -> Iterator[type]:
    """Every class of tpzoo that keeps one of the contracts."""
    for info in pkgutil.walk_packages(tpzoo.__path__, "tpzoo."):
        if info.name.endswith(("__main__", "test_training", "test_conformance", "conftest")) or "recipes" in info.name:
            continue
        for found in vars(importlib.import_module(info.name)).values():
            if inspect.isclass(found) and issubclass(found, CONTRACTS) and found.__module__ == info.name:
                yield found


def test_nothing_concrete_is_derived_from() -> None:
    wrong = []
    for found in classes():
        bases = [base for base in found.__bases__ if issubclass(base, CONTRACTS) and base not in CONTRACTS]
        wrong += [f"{found.__qualname__} derives from {base.__qualname__}" for base in bases if _is_final(base)]
        if not _is_final(found) and not inspect.isabstract(found) and not _is_base(found):
            wrong.append(f"{found.__module__}.{found.__qualname__} is neither abstract nor final")
    assert not wrong, "\n".join(wrong)


def _is_final(found: type) -> bool:
    return bool(vars(found).get("__final__"))


def _is_base(found: type) -> bool:
    """Whether something derives from a class whose own methods are complete: a base that others share."""
    return bool(found.__subclasses__())


class Doubling(FeedbackMap):
    """A map whose author wrote `difference` only."""

    def forward(self, u: Tensor, at: At) -> Tensor:
        return 2 * u

    def difference(self, d: Tensor, at: At) -> Tensor:
        return 2 * d


def test_several_displacements_follow_from_one() -> None:
    d = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 2, 2)
    assert torch.equal(differences(Doubling(), d, None), 2 * d)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["differences", "features", "linear", "weight_matrix"])
def test_an_ordinary_map_has_no_method_that_only_raises(name: str) -> None:
    assert not hasattr(FeedbackMap, name)
