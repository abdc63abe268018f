"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from pathlib import Path

from tpzoo import Paper, Recipe, hookimpl

PAPER = Paper(
    "A Theoretical Framework for Target Propagation",
    "Alexander Meulemans, Francesco S. Carzaniga, Johan A. K. Suykens, Joao Sacramento, Benjamin F. Grewe",
    2020,
    "NeurIPS",
    "https://arxiv.org/abs/2006.14331",
)


@hookimpl
def tpzoo_recipes() -> Iterator[Recipe]:
    """Yield ``my_entry``."""
    yield Recipe(
        name="my_entry",
        summary="direct difference target propagation with linear feedback, on handwritten digits",
        path=str(Path(__file__).parent / "recipe.yaml"),
        paper=PAPER,
    )
