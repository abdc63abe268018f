"""A network learns scikit-learn's handwritten digits by the recipe my_entry."""

from pathlib import Path

from tpzoo import Recipe
from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner import train


def test_it_learns(tmp_path: Path) -> None:
    recipe = load_catalogue(["my_package.plugin"]).get(Recipe, "my_entry")
    loaded = load(Path(recipe.path))
    summary = train(loaded, loaded.catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    assert summary.test_accuracy is not None
    assert summary.test_accuracy > 0.6  # a guess is right one time in ten
