"""`tpzoo matrix`: every combination that can work, and no other."""

from __future__ import annotations

import json

from tests.support.command import assert_message, tpzoo


def test_json_lists_every_combination_once() -> None:
    found = json.loads(tpzoo("matrix", "--json").stdout)
    keys = ("feedback", "map", "learner", "rule", "update", "output")
    rows = {tuple(item[key] for key in keys) for item in found}
    assert len(rows) == len(found)
    assert all(tuple(item) == (*keys, "notices") for item in found)
    said = {(item["rule"], item["output"]) for item in found if item["notices"]}
    assert said == {("tp", "gradient")}
    assert {
        ("layerwise", "dense", "reconstruction", "dtp", "gradient", "gradient"),
        ("none", None, "none", "bp", "gradient", "argmin"),
    } <= rows
    assert ("tied", None, "none", "dtp", "gradient", "gradient") in rows
    assert not {
        row for row in rows if row[0] == "none" and row[3] not in ("bp", "gauss_newton")
    }  # a rule that needs feedback gets some
    assert not {row for row in rows if row[1] is None and row[2] != "none"}  # without maps nothing learns


def test_the_table_counts_what_it_shows() -> None:
    *_, count = tpzoo("matrix").stdout.splitlines()
    assert count == f"{len(json.loads(tpzoo('matrix', '--json').stdout))} combinations"


def test_what_is_known_not_to_learn_is_marked() -> None:
    table = tpzoo("matrix").stdout
    assert "gradient*" in table
    assert "\n* rule 'tp' with output 'gradient': " in table


def test_an_architecture_narrows_it_down() -> None:
    assert tpzoo("matrix", "--architecture", "mlp").stdout == tpzoo("matrix").stdout
    assert_message(tpzoo("matrix", "--architecture", "mpl"), "Did you mean 'mlp'?")
