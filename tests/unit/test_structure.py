"""The rules of the tree: who may import whom, what loads torch, and how long a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tpzoo"
FILES = sorted(PACKAGE.rglob("*.py"))

# Imports run downwards only: what each package may import of tpzoo, itself and `errors` aside.
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "sealed": {"files"},
    "digests": {"files"},
    "plugin": {"_version", "files"},
    "engine": {"files", "digests", "plugin.settings", "plugin.names", "plugin.suggest"},
    "cut": {"engine", "plugin"},
    "assembly": {"plugin", "engine"},
    "config": {"plugin", "assembly.experiment", "assembly.legality", "recipes", "sealed", "digests"},
    "runner": {"plugin", "engine", "assembly", "config", "files", "sealed", "_version"},
    "report": {"plugin", "engine", "config", "runner", "files", "sealed"},
    "testing": {"plugin", "engine", "assembly", "config"},
    "api": {"plugin", "engine", "assembly", "config", "cut", "runner", "report", "files"},
    "cli": {"api", "plugin", "assembly", "config", "runner", "report", "testing", "recipes", "_version"},
}


def imported(path: Path) -> Iterator[str]:
    """Every tpzoo module that a file imports, without the leading ``tpzoo.``; the public face is ``''``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tpzoo":
            yield node.module.removeprefix("tpzoo").removeprefix(".")
        if isinstance(node, ast.Import):
            yield from (alias.name[6:] for alias in node.names if alias.name.startswith("tpzoo."))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_downwards(package: str) -> None:
    allowed = {*MAY_IMPORT[package], package, "errors"}
    for path in FILES:
        if path.relative_to(PACKAGE).with_suffix("").parts[0] != package:
            continue
        for module in imported(path):
            fits = any(module == each or module.startswith(f"{each}.") for each in allowed)
            assert fits or (not module and package in ("testing", "cli")), f"{path} imports tpzoo.{module}"


def test_built_in_entries_use_public_names_only() -> None:
    for path in (PACKAGE / "zoo").rglob("*.py"):
        for module in imported(path):
            assert module == "" or module.split(".")[0] in ("zoo", "errors"), f"{path} imports tpzoo.{module}"


def test_no_circle_of_imports() -> None:
    """Imports under TYPE_CHECKING count: a circle there is a circle of contracts."""
    graph = {name_of(path): {module for module in resolved(path)} for path in FILES if path.name != "__init__.py"}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"a circle: {' -> '.join([*above[above.index(name) :], name])}"
        if name in done:
            return
        for module in graph.get(name, ()):
            visit(module, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def resolved(path: Path) -> Iterator[str]:
    """The files that a file imports from at its top level or under TYPE_CHECKING; names within functions come later."""
    known = {name_of(each) for each in FILES if each.name != "__init__.py"}
    tree = ast.parse(path.read_text("utf-8"))
    top = [*tree.body, *(each for node in tree.body if isinstance(node, ast.If) for each in node.body)]
    for node in top:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tpzoo."):
            module = node.module.removeprefix("tpzoo.")
            yield from ({module} if module in known else {f"{module}.{alias.name}" for alias in node.names} & known)


def test_nobody_imports_the_zoo() -> None:
    for path in FILES:
        if "zoo" not in path.relative_to(PACKAGE).parts:
            assert not [module for module in imported(path) if module.split(".")[0] == "zoo"], path


@pytest.mark.parametrize(
    "code", ["import tpzoo.errors", "import tpzoo.config", "from tpzoo import TargetRule, hookimpl"]
)
def test_loads_no_torch(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_the_built_in_catalogue_loads_no_torch() -> None:
    load = "from tpzoo.plugin.discovery import load_catalogue; load_catalogue()"
    subprocess.run([sys.executable, "-c", f"{load}; import sys; sys.exit('torch' in sys.modules)"], check=True)


def test_no_file_outgrows_a_reader() -> None:
    lengths = {path.relative_to(PACKAGE).as_posix(): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_every_oracle_says_what_its_failure_would_mean() -> None:
    files = sorted((PACKAGE.parent / "tests" / "oracle").rglob("test_*.py"))
    assert files
    heads = {path.name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in files}
    assert [name for name, head in heads.items() if "If it fails: " not in head] == []
