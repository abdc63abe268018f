"""Looking records up, twins by type, and combinations that cannot work."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict
from types import ModuleType
from typing import Any

import pytest

from tpzoo import (
    Architecture,
    CompatibilityError,
    FeedbackLearner,
    FeedbackPath,
    MapForm,
    Record,
    TargetRule,
    Twin,
    UnknownComponentError,
)
from tpzoo.assembly.legality import check_compatible
from tpzoo.plugin.catalogue import Catalogue, PluginInfo


def make(kind: type[Record], name: str, **details: Any) -> Any:
    """A record with what the test cares about."""
    return kind(name=name, summary="s", build=print, **details)


def catalogue(*records: Record, distribution: str = "tpzoo") -> Catalogue:
    return Catalogue([PluginInfo(f"{distribution}:x", distribution, records=records)])


def test_listing_is_sorted_and_takes_wildcards() -> None:
    names = ["timm/resnet18.a1_in1k", "timm/resnet50", "mlp"]
    zoo = catalogue(*(make(Architecture, name) for name in names), make(TargetRule, "dtp"))
    assert [entry.record.name for entry in zoo.entries()] == [*sorted(names), "dtp"]
    assert [entry.record.name for entry in zoo.entries("architecture", "timm/*18*")] == ["timm/resnet18.a1_in1k"]
    assert len(zoo.entries(pattern="tpzoo/*")) == 4
    with pytest.raises(UnknownComponentError, match="Did you mean 'rule'"):
        zoo.entries("rules")


def test_a_name_with_a_slash_is_found_before_it_is_split() -> None:
    zoo = catalogue(make(Architecture, "timm/resnet18"), make(Architecture, "resnet18"), distribution="timm")
    assert zoo.find("architecture", "timm/resnet18").record.name == "timm/resnet18"
    assert zoo.find("architecture", "timm/timm/resnet18").record.name == "timm/resnet18"
    assert zoo.get(Architecture, "resnet18").name == "resnet18"


def test_unknown_names_suggest_the_nearest_or_list_all() -> None:
    zoo = catalogue(make(TargetRule, "dtp"), make(TargetRule, "gauss_newton"))
    with pytest.raises(UnknownComponentError, match="Did you mean 'gauss_newton'"):
        zoo.find("rule", "gaus_newton")
    with pytest.raises(UnknownComponentError, match="There is dtp, gauss_newton"):
        zoo.find("rule", "something")


class Layer: ...


class Child(Layer): ...


class Grandchild(Child, Counter[str]): ...


def test_the_twin_is_that_of_the_nearest_ancestor() -> None:
    zoo = catalogue(
        make(Twin, "Layer", module=Layer),
        make(Twin, "Child", module=f"{__name__}:Child"),
        make(Twin, "dict", module=dict),
    )
    assert zoo.twin(Layer).name == "Layer"
    assert zoo.twin(Grandchild).name == "Child"
    assert zoo.twin(OrderedDict).name == "dict"
    with pytest.raises(UnknownComponentError, match=r"no twin for the module type int(.|\n)*tpzoo_twins"):
        zoo.twin(int)


def test_a_twin_may_name_its_type_by_the_place_that_exports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    public = ModuleType("public_layers")
    public.Layer = Layer  # type: ignore[attr-defined]
    zoo = catalogue(make(Twin, "Layer", module="public_layers:Layer"), make(Twin, "Gone", module="not_there:Layer"))
    with pytest.raises(UnknownComponentError):
        zoo.twin(Layer)
    monkeypatch.setitem(sys.modules, "public_layers", public)
    assert zoo.twin(Child).name == "Layer"


PARTS = {
    "architecture": make(Architecture, "resnet"),
    "rule": make(TargetRule, "locoprop", requires=("pre_activation",)),
    "feedback": make(FeedbackPath, "layerwise"),
    "feedback.map": make(MapForm, "dense"),
}
PLAIN = make(Architecture, "mlp", provides=("pre_activation",))


def test_a_requirement_that_nothing_fulfils_is_refused_in_one_sentence() -> None:
    with pytest.raises(CompatibilityError) as caught:
        check_compatible(PARTS, catalogue(PLAIN, *PARTS.values()))
    assert str(caught.value) == (
        "rule 'locoprop' requires 'pre_activation', which architecture 'resnet' does not provide: "
        "use architecture 'mlp'."
    )


def test_a_requirement_that_a_chosen_component_fulfils_is_fine() -> None:
    check_compatible({**PARTS, "architecture": PLAIN}, catalogue(PLAIN))


def test_a_requirement_that_nothing_at_all_fulfils_says_so() -> None:
    with pytest.raises(CompatibilityError, match="which no component that is installed provides"):
        check_compatible(PARTS, catalogue())


def test_a_component_cannot_fulfil_its_own_requirement() -> None:
    selfish = make(TargetRule, "selfish", requires=("x",), provides=("x",))
    with pytest.raises(CompatibilityError, match="which no chosen component provides: use rule 'selfish'"):
        check_compatible({"rule": selfish}, catalogue(selfish))


@pytest.mark.parametrize(
    ("uses_feedback", "path", "learner", "works"),
    [(True, "none", "none", False), (True, "direct", "none", True), (False, "none", "none", True),
     (False, "none", "drl", False), (False, "direct", "drl", True)],
)  # fmt: skip
def test_rules_and_learners_need_a_feedback_path(uses_feedback: bool, path: str, learner: str, works: bool) -> None:
    parts = {
        "rule": make(TargetRule, "r", uses_feedback=uses_feedback),
        "feedback": make(FeedbackPath, path),
        "learner": make(FeedbackLearner, learner),
    }
    zoo = catalogue(make(FeedbackPath, "direct"), make(FeedbackPath, "none"))
    if works:
        check_compatible(parts, zoo)
        return
    with pytest.raises(CompatibilityError, match="feedback 'none' does not provide: use feedback 'direct'"):
        check_compatible(parts, zoo)
