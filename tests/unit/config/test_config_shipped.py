"""Every config that comes with tpzoo, with the catalogue that a user has: as it is, and after a thousand slips."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.config_edits import EDITS, mappings, with_unknown_key
from tests.support.every import for_every
from tpzoo import Recipe, TpzooError
from tpzoo.config import load
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.recipes import is_base, recipe_folder

RECIPES = sorted(path.relative_to(recipe_folder()).as_posix() for path in recipe_folder().rglob("*.yaml"))
COUNT = 1000


@pytest.fixture(scope="session")
def zoo() -> Catalogue:
    """The built-ins, without what happens to be installed here."""
    found = load_catalogue()
    return Catalogue(plugin for plugin in found.plugins if plugin.distribution == "tpzoo")


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all shipped configs, so that an edited one still finds what it extends."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(recipe_folder(), tmp_path / "configs"))


@for_every("name", RECIPES)
def test_every_shipped_config_loads(name: str, zoo: Catalogue) -> None:
    loaded = load(recipe_folder() / name, (), zoo)
    assert loaded.records["rule"].name == loaded.experiment.rule.name


def test_every_shipped_config_but_a_base_is_a_recipe_that_says_what_it_is(zoo: Catalogue) -> None:
    found = {entry.record.name: entry.record for entry in zoo.entries("recipe")}
    assert sorted(found) == sorted(name.removesuffix(".yaml") for name in RECIPES if not is_base(Path(name)))
    for name, record in found.items():
        assert isinstance(record, Recipe)
        assert Path(record.path).is_file()
        assert record.summary != f"the recipe {name}", f"{record.path} begins with no comment"


@pytest.mark.parametrize("axis", ["feedback", "learner", "probes"])
def test_what_recipes_of_a_paper_share_stands_in_a_base(axis: str) -> None:
    """A method's shape and a block of probes: at most three files of a folder's recipes say the same."""
    for paper in (path for path in recipe_folder().iterdir() if path.is_dir()):
        found = [
            yaml.safe_load(path.read_text("utf-8")).get(axis) for path in paper.rglob("*.yaml") if not is_base(path)
        ]
        blocks = Counter(json.dumps(block, sort_keys=True) for block in found if isinstance(block, dict))
        repeated = {block: count for block, count in blocks.items() if count > 3}
        assert not repeated, f"in {paper.name}, put these into a base: {repeated}"


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_a_slip_gives_a_config_or_a_clear_error(
    edit: Callable[[str, random.Random], str], configs: Path, zoo: Catalogue
) -> None:
    chance = random.Random(edit.__name__)
    for number in range(COUNT // len(EDITS)):
        path = configs / chance.choice(RECIPES)
        before = path.read_text()
        path.write_text(edit(before, chance))
        try:
            assert load(path, (), zoo).to_yaml(), (number, path.read_text())
        except TpzooError as error:
            assert str(error), (number, path.read_text())
        path.write_text(before)


@for_every("name", RECIPES)
def test_unknown_keys_are_refused_wherever_they_stand(name: str, configs: Path, zoo: Catalogue) -> None:
    """One in every mapping, and the error names them all."""
    path, chance = configs / name, random.Random(name)
    before = path.read_text()
    tree = yaml.safe_load(before)
    keys = [with_unknown_key(mapping, chance) for _, mapping in mappings(tree)]
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(TpzooError) as caught:
        load(path, (), zoo)
    assert [key for key in keys if key not in str(caught.value)] == []
    path.write_text(before)
