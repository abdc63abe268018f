"""tpzoo's own checks, on one small model of every family that halves pictures in another way."""

from __future__ import annotations

import pytest

from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import check

CATALOGUE = load_catalogue(["tpzoo_timm.cards"])


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit", "test_efficientnet", "test_byobnet"])
def test_conformance(name: str) -> None:
    outcomes = check(CATALOGUE.find("architecture", f"timm/{name}").record, CATALOGUE)
    assert len(outcomes) > 10
    assert [f"{found.case.name}: {found.message}" for found in outcomes if not found.ok] == []
