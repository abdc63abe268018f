"""The kit as a plugin's author meets it: a file, a module, a distribution, with pytest and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tpzoo import PluginError
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import all_cases, check, conformance_cases, describe_cases

RULE = """
from tpzoo import TargetRule, hookimpl

{top}

def build(settings):
    from tpzoo.zoo.rules.dtp import DTP
    return DTP()


@hookimpl
def tpzoo_target_rules():
    yield TargetRule(name="filed", summary="a rule in a file", build={build}, expected_failures={expected})
"""

TESTS = """
import pytest
from tpzoo.testing import conformance_cases, pytest_terminal_summary


@pytest.mark.parametrize("case", conformance_cases({plugin!r}))
def test_conformance(case):
    case.run()
"""


def write_rule(folder: Path, top: str = "", build: str = "build", expected: str = "{}") -> Path:
    path = folder / "filed_rule.py"
    path.write_text(RULE.format(top=top, build=build, expected=expected))
    return path


def run_pytest(folder: Path, plugin: str) -> str:
    """What the author of ``plugin`` sees, with a test file and a conftest of three lines."""
    (folder / "test_it.py").write_text(TESTS.format(plugin=plugin))
    (folder / "conftest.py").write_text("from tpzoo.testing import pytest_terminal_summary  # noqa\n")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), "-k", "null or valid"]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(root)}, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_file(tmp_path: Path) -> None:
    cases = all_cases(write_rule(tmp_path))
    assert {case.entry.record.name for case in cases} == {"filed"}
    assert "rule:filed:null" in [case.id for case in cases]
    assert describe_cases(cases).startswith(f"{len(cases)} checks of 1 records, 0 expected failures")


def test_pytest_parameters_carry_ids_and_strict_expected_failures(tmp_path: Path) -> None:
    cases = conformance_cases(str(write_rule(tmp_path, expected='{"null": "says so"}')))
    (null,) = (case for case in cases if case.id == "rule:filed:null")
    (mark,) = null.marks
    assert (mark.name, mark.kwargs) == ("xfail", {"strict": True, "reason": "says so"})
    assert not [case for case in cases if case.id != "rule:filed:null" and case.marks]


def test_the_counts_are_printed(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, str(write_rule(tmp_path)))
    assert "rule: 2 passed" in shown, shown


def test_an_entry_that_passes_what_it_expects_to_fail_fails(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, str(write_rule(tmp_path, expected='{"null": "says so"}')))
    assert "rule: 1 passed, 1 failed" in shown, shown
    assert "says so" in shown


def test_a_module_a_distribution_and_a_catalogue() -> None:
    catalogue = load_catalogue()
    by_module = {case.id for case in all_cases("tpzoo.zoo.rules.plugin")}
    by_distribution = {case.id for case in all_cases("tpzoo")}
    assert by_module == {case for case in by_distribution if case.startswith("rule:")}
    assert {case.id for case in all_cases(catalogue)} >= by_distribution


def test_a_plugin_that_cannot_be_loaded_or_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="filed_rule"):
        conformance_cases(str(write_rule(tmp_path, top="import nothing_like_this")))
    with pytest.raises(PluginError, match="no_such_plugin_at_all"):
        conformance_cases("no_such_plugin_at_all")


@pytest.mark.parametrize("top", ["import torch", ""])
def test_light_import(tmp_path: Path, top: str) -> None:
    """A plugin that names its builder as text promises that listing it is cheap."""
    path = write_rule(tmp_path, top, build='"tpzoo.zoo.rules.dtp:DTP"')
    (case,) = (case for case in all_cases(path) if case.name == "light_import")
    if not top:
        case.run()
        return
    with pytest.raises(AssertionError, match="loads torch"):
        case.run()


def test_importing_the_kit_loads_neither_torch_nor_pytest() -> None:
    program = "import tpzoo.testing, sys; sys.exit('torch' in sys.modules or 'pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_pytest_every_outcome_is_told() -> None:
    catalogue = load_catalogue()
    outcomes = check(catalogue.find("rule", "tp").record, catalogue)
    by_name = {outcome.case.name: outcome for outcome in outcomes}
    assert by_name["null"].status == "expected failure"
    assert by_name["null"].message
    assert all(outcome.ok for outcome in outcomes)
