"""A network learns with everything in this distribution at once."""

from pathlib import Path

from tpzoo import Recipe
from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner import train


def test_the_recipe_learns(tmp_path: Path) -> None:
    catalogue = load_catalogue(["tpzoo_example.plugin"])
    loaded = load(Path(catalogue.get(Recipe, "example/rings").path), (), catalogue)
    summary = train(loaded, catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    assert summary.test_accuracy is not None
    assert summary.test_accuracy > 0.9  # a guess is right one time in three
