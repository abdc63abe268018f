"""Recipes are found by file or by name, in a checkout or in an installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpzoo import recipes
from tpzoo.plugin.headers import summary_of


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


def test_what_recipes_share_is_no_recipe_but_still_a_file(installed: Path) -> None:
    for name in ("base", "lenet_base"):
        installed.with_name(f"{name}.yaml").write_text("# Shared.\n")
        assert recipes.find_recipe(f"mnist/{name}") == Path("mnist", name)
        assert recipes.find_recipe(f"configs/mnist/{name}.yaml") == installed.with_name(f"{name}.yaml")
    assert [recipe.name for recipe in recipes.tpzoo_recipes()] == ["mnist/dtp"]


@pytest.mark.parametrize(
    ("header", "summary"),
    [
        ("# One line.\n# another", "One line"),
        ("# Frozen MNIST.\n# fc1 alone learns.", "Frozen MNIST"),
        ("# A sentence over\n# two lines. And more.", "A sentence over two lines"),
        ("# As Lee et al. 2015, e.g. J. Doe (cf. Fig. 2). rest", "As Lee et al. 2015, e.g. J. Doe (cf. Fig. 2)"),
        ("# As i.e. Eq. 3 vs. 4. Rest", "As i.e. Eq. 3 vs. 4"),
        ("# Rate 0.05 of lenet.yaml\n#   tpzoo train it\n# reaches. No", "Rate 0.05 of lenet.yaml"),
        ("name: none", ""),
    ],
)  # fmt: skip
def test_the_summary_is_the_first_sentence(tmp_path: Path, header: str, summary: str) -> None:
    (tmp_path / "recipe.yaml").write_text(header)
    assert summary_of(tmp_path / "recipe.yaml") == summary
