"""Broken plugins: each is named, with the hook and what to do, and takes no other plugin down."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.plugin_kit import HEAD, rule, write_file
from tpzoo import PluginError, UnknownComponentError
from tpzoo.plugin.discovery import load_catalogue

HOOK = HEAD + "\n@hookimpl\ndef tpzoo_target_rules():\n    "
DATA = HEAD + "\n@dataclass(frozen=True)\nclass S{base}:\n    {body}\n\n@hookimpl\ndef {hook}():\n    yield {record}\n"


def settings(body: str, base: str = "", frozen: bool = True) -> str:
    """A plugin with an output target that has these settings."""
    record = "OutputTarget(name='r', summary='s', build=print, config=S)"
    text = DATA.format(base=base, body=body, hook="tpzoo_outputs", record=record)
    return text if frozen else text.replace("(frozen=True)", "")


BROKEN: dict[str, tuple[str, str, str]] = {
    "import error": ("import not_there", "ModuleNotFoundError: No module named 'not_there'", ""),
    "syntax error": ("def x(:", "SyntaxError", ""),
    "exit": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3", ""),
    "no hook": ("x = 1", "implements no hook", "@hookimpl"),
    "misspelt hook": (
        HEAD + "\n@hookimpl\ndef tpzoo_target_rule(): yield",
        "implements 'tpzoo_target_rule', which is not a hook",
        "Did you mean 'tpzoo_target_rules'?",
    ),
    "unmarked hook": (HEAD + "\ndef tpzoo_target_rules(): yield", "tpzoo_target_rules is not marked", "@hookimpl"),
    "argument": (
        HEAD + "\n@hookimpl\ndef tpzoo_target_rules(config): yield",
        "tpzoo_target_rules takes the argument 'config'",
        "def tpzoo_target_rules()",
    ),
    "wrapper": (
        HEAD + "\n@hookimpl(wrapper=True)\ndef tpzoo_target_rules():\n    yield",
        "is a wrapper",
        "only collect",
    ),
    "asynchronous": (HEAD + "\n@hookimpl\nasync def tpzoo_target_rules():\n    yield", "is asynchronous", "plain"),
    "returns none": (HOOK + "pass", "tpzoo_target_rules returned None", "yield TargetRule(...)"),
    "returns one": (
        HOOK + "return TargetRule(name='r', summary='s', build=print)",
        "returned an object of type TargetRule",
        "yield",
    ),
    "no record": (HOOK + "yield 3", "tpzoo_target_rules yielded an object of type int", "TargetRule(...)"),
    "wrong kind": (
        HOOK + "yield LossFunction(name='huber', summary='s', build=print)",
        "tpzoo_target_rules yielded LossFunction 'huber' instead of TargetRule",
        "yield it from tpzoo_losses",
    ),
    "raises late": (rule("fine") + "    raise KeyError('late')", "tpzoo_target_rules raised KeyError: 'late'", ""),
    "missing argument": (HOOK + "yield TargetRule(name='r')", "TypeError", "summary"),
    "twice": (
        rule("r") + "    yield TargetRule(name='r', summary='s', build=print)",
        "the rule 'r' twice",
        "another name",
    ),
    "bad name": (rule("My Rule"), "rule 'My Rule' has the name 'My Rule'", "a-z"),
    "bad build": (
        rule("r").replace("build=print", "build='nonsense'"),
        "has build='nonsense'",
        "'package.module:name'",
    ),
    "text for tuple": (rule("r", requires="'pre_activation'"), "has requires='pre_activation'", "tuple of texts"),
    "notices of no kind": (rule("r", notices="{'gradient': 'x'}"), "has notices for 'gradient'", "output gradient"),
    "notices that are no mapping": (rule("r", notices="'x'"), "has notices='x'", "notices is a mapping"),
    "unknown smallest": (rule("r", smallest="{'x': 1}"), "has smallest={'x': ...}", ""),
    "no dataclass": (rule("r", config="int"), "which is no dataclass", "frozen dataclass"),
    "not frozen": (settings("x: int = 1", frozen=False), "settings S, which are not frozen", "@dataclass(frozen=True)"),
    "no default": (settings("x: int"), "settings without a default: x in S", "needs a default"),
    "reserved": (settings("name: str = 'x'"), "a setting called 'name'", "differently"),
    "annotation": (
        settings("x: 'Tensor' = None"),
        "annotations in S that cannot be evaluated (NameError",
        "TYPE_CHECKING",
    ),
    "bad defaults": (
        settings("x: int = 1\n    def __post_init__(self): 1 / 0"),
        "settings S, which cannot be made from their defaults (ZeroDivisionError",
        "defaults must",
    ),
    "unknown kind": (settings("x: Component = component('mapp', 'linear')"), "unknown kind 'mapp'", "'map'"),
    "not shared": (
        DATA.format(
            base="",
            body="x: int = 1",
            hook="tpzoo_datasets",
            record="DataSet(name='d', summary='s', build=print, config=S)",
        ),
        "settings S, which do not inherit from DataSettings",
        "class S(DataSettings)",
    ),
    "recipe without a file": (
        HEAD + "\n@hookimpl\ndef tpzoo_recipes():\n    yield Recipe(name='r', summary='s', path='gone.yaml')",
        "points at the file 'gone.yaml', which does not exist",
        "YAML",
    ),
    "dotted probe": (
        HEAD + "\n@hookimpl\ndef tpzoo_probes():\n    yield MetricProbe(name='a.b', summary='s', build=print)",
        "has the name 'a.b'",
        "probe",
    ),
}


@pytest.mark.parametrize(("text", "what", "hint"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_named_and_isolated(tmp_path: Path, text: str, what: str, hint: str) -> None:
    broken = write_file(tmp_path, text, "broken.py")
    catalogue = load_catalogue([broken, write_file(tmp_path, rule("good"), "good.py")], builtins=())
    (failure,) = catalogue.failures
    assert failure.key == broken
    assert failure.records == ()
    assert catalogue.names("rule") == ["good"]
    assert failure.error is not None
    assert f"plugin '{broken}'" in failure.error.what
    assert what in failure.error.what
    assert hint in str(failure.error)


def test_the_error_of_a_broken_plugin_is_quoted_where_a_name_is_missing(tmp_path: Path) -> None:
    catalogue = load_catalogue([write_file(tmp_path, "import not_there")], builtins=())
    with pytest.raises(UnknownComponentError, match=r"unknown rule 'mine'(.|\n)*No module named 'not_there'"):
        catalogue.find("rule", "mine")


def test_strict_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPZOO_STRICT", "1")
    with pytest.raises(PluginError, match="not_there"):
        load_catalogue([write_file(tmp_path, "import not_there")], builtins=())


def test_a_broken_or_missing_built_in_is_a_bug_and_raises(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"tpzoo:tpzoo\.zoo\.gone"):
        load_catalogue(builtins=("tpzoo.zoo.gone",))


def test_a_missing_file_and_a_missing_module(tmp_path: Path) -> None:
    catalogue = load_catalogue([str(tmp_path / "gone.py"), "not_there.plugin"], builtins=())
    first, second = (str(plugin.error) for plugin in catalogue.failures)
    assert "cannot be read: No such file" in first
    assert "No module named 'not_there'" in second
