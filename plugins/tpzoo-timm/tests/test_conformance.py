"""tpzoo's own checks, on all twins and on one small model of every family that halves images in another way."""

from __future__ import annotations

import pytest

from tpzoo import Record
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import check

CATALOGUE = load_catalogue(["tpzoo_timm.plugin"])


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit", "test_efficientnet", "test_byobnet"])
def test_conformance(name: str) -> None:
    outcomes = check(CATALOGUE.find("architecture", f"timm/{name}").record, CATALOGUE)
    assert len(outcomes) > 10
    assert [f"{found.case.name}: {found.message}" for found in outcomes if not found.ok] == []


TWINS = [entry.record for entry in CATALOGUE.entries("twin") if entry.distribution != "tpzoo"]


@pytest.mark.parametrize("record", TWINS, ids=lambda record: record.name)
def test_twins_conform(record: Record) -> None:
    outcomes = check(record, CATALOGUE)
    assert [f"{found.case.name}: {found.message}" for found in outcomes if not found.ok] == []
    assert "the record has no examples" not in {found.message for found in outcomes}
