"""Where plugins come from, and how two of them get along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.plugin_kit import install, rule, write_file
from tpzoo import PluginError, UnknownComponentError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.discovery import BUILTINS, load_catalogue, with_plugins

ROOT = Path(__file__).parents[3]


def load(*plugins: str) -> Catalogue:
    """Load without built-ins."""
    return load_catalogue(plugins, builtins=())


def test_an_installed_distribution_is_found_with_its_version(tmp_path: Path) -> None:
    install(tmp_path, "acme-rules", {"main": rule("acme")}, "2.3")
    (plugin,) = load().plugins
    assert (plugin.key, plugin.distribution, plugin.version) == ("acme-rules:main", "acme-rules", "2.3")
    assert [record.name for record in plugin.records] == ["acme"]
    assert not plugin.requested


def test_two_distributions_with_one_entry_name_are_both_loaded(tmp_path: Path) -> None:
    install(tmp_path, "one-x", {"plugin": rule("a")})
    install(tmp_path, "two-x", {"plugin": rule("b")})
    assert load().names("rule") == ["a", "b"]


def test_one_name_from_two_distributions_must_be_qualified(tmp_path: Path) -> None:
    install(tmp_path, "one-y", {"plugin": rule("same")})
    install(tmp_path, "two-y", {"plugin": rule("same")})
    catalogue = load()
    with pytest.raises(UnknownComponentError) as caught:
        catalogue.find("rule", "same")
    assert str(caught.value) == ("the rule 'same' comes from 'one-y' and 'two-y'\n  write 'one-y/same' or 'two-y/same'")
    assert catalogue.find("rule", "two-y/same").distribution == "two-y"
    assert catalogue.find("rule", "Two_Y/same").distribution == "two-y"
    assert [str(error) for error in catalogue.conflicts] == [str(caught.value)]


def test_strict_refuses_one_name_from_two_distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "one-z", {"plugin": rule("same")})
    install(tmp_path, "two-z", {"plugin": rule("same")})
    monkeypatch.setenv("TPZOO_STRICT", "1")
    with pytest.raises(PluginError, match="'one-z' and 'two-z'"):
        load()


def test_one_name_from_two_entries_of_a_distribution_fails_the_second(tmp_path: Path) -> None:
    install(tmp_path, "dist-w", {"first": rule("same"), "second": rule("same")})
    catalogue = load()
    (failure,) = catalogue.failures
    assert "the rule 'same', which plugin 'dist-w:" in str(failure.error)
    assert catalogue.find("rule", "same").distribution == "dist-w"


def test_a_broken_distribution_does_not_take_the_others_down(tmp_path: Path) -> None:
    install(tmp_path, "broken-v", {"plugin": "1 / 0"})
    install(tmp_path, "good-v", {"plugin": rule("good")})
    catalogue = load()
    assert catalogue.names("rule") == ["good"]
    assert "plugin 'broken-v:plugin' cannot be imported: ZeroDivisionError" in str(catalogue.failures[0].error)


@pytest.mark.parametrize("name", ["Acme_U", "acme-u:main"])
def test_blocked_plugins_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    marker = tmp_path / "imported"
    install(tmp_path, "acme-u", {"main": f"open({str(marker)!r}, 'w')\n" + rule("acme")})
    monkeypatch.setenv("TPZOO_BLOCK", f"other, {name}")
    catalogue = load()
    assert catalogue.names("rule") == []
    assert not marker.exists()
    assert catalogue.plugins[0].blocked
    with pytest.raises(UnknownComponentError, match="blocked by TPZOO_BLOCK"):
        catalogue.find("rule", "acme")


def test_files_and_modules_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_t.py").write_text(rule("from_module"))
    path = write_file(tmp_path, rule("from_file"), "file_t.py")
    monkeypatch.setenv("TPZOO_PLUGINS", os.pathsep.join([path, "module_t", ""]))
    catalogue = load()
    assert catalogue.names("rule") == ["from_file", "from_module"]
    assert catalogue.find("rule", "file_t/from_file").plugin.requested


def test_a_file_that_is_named_twice_is_loaded_once_and_again_when_edited(tmp_path: Path) -> None:
    path = write_file(tmp_path, rule("before"))
    assert load(path, path).names("rule") == ["before"]
    write_file(tmp_path, rule("after"))
    assert load(path).names("rule") == ["after"]


def test_a_module_that_is_installed_and_named_as_well_is_loaded_once(tmp_path: Path) -> None:
    install(tmp_path, "acme-r", {"main": rule("acme")})
    for name in ("acme_r_main", str(tmp_path / "acme_r_main.py")):
        assert [plugin.key for plugin in load(name).plugins] == ["acme-r:main"]


def test_an_object_can_be_a_plugin_and_a_class_cannot(tmp_path: Path) -> None:
    text = (
        "from tpzoo import TargetRule, hookimpl\nclass Plugin:\n    @hookimpl\n    def tpzoo_target_rules(self):\n"
        "        yield TargetRule(name='method', summary='s', build=print)\n"
    )
    install(tmp_path, "object-s", {"plugin": text + "plugin = Plugin()\n"})
    entry_points = tmp_path / "object_s-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[tpzoo]\ngood = object_s_plugin:plugin\nbad = object_s_plugin:Plugin\n")
    catalogue = load()
    assert catalogue.names("rule") == ["method"]
    assert "plugin 'object-s:bad' is a class" in str(catalogue.failures[0].error)


def test_plugins_can_be_added_to_a_catalogue(tmp_path: Path) -> None:
    first = load(write_file(tmp_path, rule("a"), "a.py"))
    both = with_plugins(first, [write_file(tmp_path, rule("b"), "b.py")])
    assert (first.names("rule"), both.names("rule")) == (["a"], ["a", "b"])


def test_built_ins_enter_through_the_same_hooks() -> None:
    catalogue = load_catalogue(builtins=("tpzoo.runner.plugin",))
    assert catalogue.names("optimizer") == ["adam", "adamw", "rmsprop", "sgd", "timm"]
    assert catalogue.names("schedule") == ["constant", "cosine", "multistep", "step", "timm"]
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in [*(ROOT / "tpzoo/zoo").rglob("plugin.py"), ROOT / "tpzoo/runner/plugin.py"]
    }
    assert set(BUILTINS) >= found, "a module of records that no one registers"
