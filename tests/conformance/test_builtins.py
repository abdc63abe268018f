"""Every entry that comes with tpzoo passes the kit, by the call that a plugin's author uses."""

from __future__ import annotations

import pytest

from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.records import KINDS
from tpzoo.testing import Case, all_cases, conformance_cases, describe_cases


@pytest.mark.parametrize("case", conformance_cases("tpzoo"))
def test_conformance(case: Case, device: str) -> None:
    case.run(device)


def test_every_record_of_every_kind_is_checked() -> None:
    cases = all_cases("tpzoo")
    checked = {(case.entry.record.kind, case.entry.record.name) for case in cases}
    listed = {(entry.record.kind, entry.record.name) for entry in load_catalogue().entries()}
    assert checked == {each for each in listed if load_catalogue().find(*each).distribution == "tpzoo"}
    assert {kind for kind, _ in checked} == set(KINDS) - {"twin", "recipe"} | {kind for kind, _ in listed}
    for case in cases:
        assert case.check.__doc__, f"{case.name} says nowhere what it checks"


def test_the_description_counts_what_there_is() -> None:
    cases = all_cases("tpzoo")
    text = describe_cases(cases)
    assert text.startswith(f"{len(cases)} checks of ")
    assert "rule:tp:null cannot pass: " in text
