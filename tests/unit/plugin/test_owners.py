"""What a bare name means where several distributions have one: what one more plugin brings changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from torch import nn

from tests.support.plugin_kit import install, rule
from tests.support.run_folders import write_run
from tpzoo import UnknownComponentError
from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.report.methods import make_methods
from tpzoo.report.runs import find_runs

RECIPE = """
from tpzoo import Recipe, Twin

@hookimpl
def tpzoo_recipes():
    yield Recipe(name="theirs/run", path={path!r})

@hookimpl
def tpzoo_twins():
    yield Twin(name="theirs", summary="a twin", build=print, module="torch.nn:Linear")
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe of a colleague's package that has a rule `dtp` of its own."""
    monkeypatch.delitem(sys.modules, "theirs_pkg_main", raising=False)  # of another test's folder
    path = tmp_path / "theirs.yaml"
    path.write_text("rule: dtp\nfeedback: direct\n")
    install(tmp_path, "theirs-pkg", {"main": rule("dtp") + RECIPE.format(path=str(path))})
    return path


def test_a_package_that_a_config_does_not_name_changes_nothing(recipe: Path) -> None:
    for overrides in (("rule=dtp",), ("rule=tpzoo/dtp",), ("rule=bp",)):
        assert load("mnist/dtp", overrides).experiment.rule.distribution == "tpzoo"
    assert load("mnist/dtp").experiment.rule.distribution == "tpzoo"
    assert load(None, ("rule=theirs-pkg/dtp", "feedback=direct")).experiment.rule.distribution == ("theirs-pkg")
    assert load_catalogue().twin(nn.Linear).name != "theirs"


def test_a_bare_name_in_a_recipe_means_its_owners_own(recipe: Path) -> None:
    for config in ("theirs/run", str(recipe)):
        assert load(config).experiment.rule.distribution == "theirs-pkg"
        assert load(config, ("rule=dtp",)).experiment.rule.distribution == "tpzoo"
        assert load(config, ("rule=bp",)).experiment.rule.distribution == "tpzoo"
    mine = recipe.with_name("mine.yaml")
    mine.write_text("extends: theirs/run\nseed: 3\n")
    assert load(mine).experiment.rule.distribution == "theirs-pkg"
    mine.write_text("extends: theirs/run\nrule: dtp\n")
    assert load(mine).experiment.rule.distribution == "tpzoo"


def test_only_the_choice_that_holds_must_be_known(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("rule: {name: of_a_colleague, strength: 3}\nprobes: {bp_angle: {every: 5}}\n")
    assert load(base, ("rule=bp",)).experiment.rule.name == "bp"
    with pytest.raises(Exception, match="unknown rule 'of_a_colleague'"):
        load(base)


def test_the_full_name_is_the_same_config(recipe: Path, tmp_path: Path) -> None:
    bare, full = load("mnist/dtp"), load("mnist/dtp", ("rule=tpzoo/dtp", "feedback.map=tpzoo/dense"))
    assert bare.hash == full.hash
    written = bare.to_yaml(full_names=True)
    assert "name: tpzoo/dtp" in written
    (tmp_path / "config.yaml").write_text(written)
    assert load(tmp_path / "config.yaml").hash == bare.hash
    theirs = load("theirs/run")
    (tmp_path / "config.yaml").write_text(theirs.to_yaml(full_names=True))
    assert load(tmp_path / "config.yaml").experiment.rule.distribution == "theirs-pkg"


def test_nobody_else_can_bring_what_tpzoo_is_written_before(tmp_path: Path) -> None:
    install(tmp_path, "taker", {"main": rule("tpzoo/dtp")})
    catalogue = load_catalogue()
    assert catalogue.find("rule", "tpzoo/dtp").distribution == "tpzoo"
    assert catalogue.find("rule", "taker/tpzoo/dtp").distribution == "taker"


def test_two_others_must_still_be_told_apart(tmp_path: Path) -> None:
    install(tmp_path, "one-o", {"main": rule("same")})
    install(tmp_path, "two-o", {"main": rule("same")})
    catalogue = load_catalogue()
    with pytest.raises(UnknownComponentError, match="'one-o' and 'two-o'"):
        catalogue.find("rule", "same")
    assert catalogue.find("rule", "same", "two-o").distribution == "two-o"


def test_both_names_are_one_method_in_a_report(tmp_path: Path) -> None:
    for seed, name in enumerate(("dtp", "tpzoo/dtp")):
        write_run(tmp_path / str(seed), seed=seed, config={"rule": {"name": name}})
    (method,), warnings = make_methods(find_runs([tmp_path]).runs)
    assert (len(method.runs), warnings) == (2, [])
    assert method.settings["rule.name"] == "dtp"
