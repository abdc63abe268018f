"""Legal combinations are those of the product in which every requirement is met: a slow definition, and small cases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tpzoo import Architecture, FeedbackLearner, FeedbackPath, MapForm, OutputTarget, TargetRule, WeightUpdate
from tpzoo.assembly.combinations import AXES, legal_combinations
from tpzoo.assembly.legality import incompatibilities
from tpzoo.assembly.method import takes_a_map
from tpzoo.plugin.catalogue import Catalogue, PluginInfo
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.records import Record


def slowly(catalogue: Catalogue, beside: dict[str, Record]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every choice whatever, and the sentence that the loader of configs would refuse it with."""
    records = [[entry.record for entry in catalogue.entries(place.rpartition(".")[2])] for place in AXES]
    for chosen in itertools.product(*records):
        places = dict(zip(AXES, chosen, strict=True))
        if not takes_a_map(places["feedback"]):
            del places["feedback.map"]
        if not incompatibilities({**beside, **places}, catalogue):
            yield tuple((place, record.name) for place, record in places.items())


def test_the_built_ins_agree_with_the_slow_definition() -> None:
    catalogue = load_catalogue()
    beside: dict[str, Record] = {"architecture": catalogue.find("architecture", "mlp").record}
    found = [
        tuple((place, record.name) for place, record in chosen.items())
        for chosen in legal_combinations(catalogue, beside)
    ]
    assert len(found) == len(set(found))
    assert set(found) == set(slowly(catalogue, beside))


def zoo(*records: Record) -> Catalogue:
    return Catalogue([PluginInfo("a:b", "a", records=records)])


def make(kind: type[Record], name: str, **details: object) -> Record:
    return kind(name=name, summary="s", build=print, **details)  # type: ignore[arg-type]


PARTS = (make(FeedbackPath, "none"), make(FeedbackLearner, "none"), make(OutputTarget, "o"), make(MapForm, "m"))
PARTS += (make(WeightUpdate, "gradient"),)


def test_what_an_architecture_could_provide_is_open_until_one_is_chosen() -> None:
    rule = make(TargetRule, "r", uses_feedback=False, requires=("split",))
    able, unable = make(Architecture, "able", provides=("split",)), make(Architecture, "unable")
    catalogue = zoo(*PARTS, rule, able, unable)
    assert len(list(legal_combinations(catalogue))) == 1
    assert len(list(legal_combinations(catalogue, {"architecture": able}))) == 1
    assert list(legal_combinations(catalogue, {"architecture": unable})) == []
    assert list(legal_combinations(zoo(*PARTS, rule))) == []


def test_a_path_without_maps_counts_once_and_has_no_map() -> None:
    rule = make(TargetRule, "r", uses_feedback=False)
    (chosen,) = legal_combinations(zoo(*PARTS, make(MapForm, "other"), rule))
    assert "feedback.map" not in chosen
    assert chosen["feedback"].name == "none"
