"""Recipes are found by file or by name, in a checkout or in an installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpzoo import recipes


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with one recipe, seen from an empty working folder."""
    folder = tmp_path / "site-packages" / "tpzoo" / "recipes_data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "dtp.yaml").write_text("")
    monkeypatch.setattr(recipes, "PACKAGE", folder.parent.parent)
    monkeypatch.chdir(tmp_path)
    return folder / "dtp.yaml"


@pytest.mark.parametrize("name", ["mnist/dtp", "mnist/dtp.yaml", "configs/mnist/dtp.yaml"])
def test_a_recipe_is_found_by_name(installed: Path, name: str) -> None:
    assert recipes.find_recipe(name) == installed


def test_a_file_goes_before_a_recipe(installed: Path) -> None:
    own = Path("mnist/dtp.yaml")
    own.parent.mkdir()
    own.write_text("")
    assert recipes.find_recipe("mnist/dtp.yaml") == own


def test_what_is_neither_stays_as_it_is(installed: Path) -> None:
    assert recipes.find_recipe("no/such.yaml") == Path("no/such.yaml")


def test_a_checkout_uses_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    monkeypatch.setattr(recipes, "PACKAGE", tmp_path / "tpzoo")
    assert recipes.recipe_folder() == tmp_path / "configs"
