"""Every hook has a complete example that works, and the public face loads no torch."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import tpzoo
from tpzoo.plugin import hookspecs
from tpzoo.plugin.collecting import collect
from tpzoo.plugin.files import read_file
from tpzoo.plugin.records import KINDS


@pytest.mark.parametrize("hook", hookspecs.HOOKS)
def test_the_example_of_a_hook_is_a_plugin_that_works(hook: str, tmp_path: Path) -> None:
    docstring = inspect.getdoc(getattr(hookspecs, hook)) or ""
    (tmp_path / "mnist.yaml").write_text("rule: dtp\n")
    plugin = tmp_path / f"{hook}.py"
    plugin.write_text(dedent(docstring.partition("::\n")[2]))
    (record,) = collect(read_file(plugin).load(), hook)
    assert type(record) is hookspecs.HOOKS[hook]


def test_there_is_one_hook_for_every_kind_and_every_hook_is_specified() -> None:
    assert sorted(record.kind for record in hookspecs.HOOKS.values()) == sorted(KINDS)
    specified = {name for name in vars(hookspecs) if re.match("tpzoo_", name)}
    assert specified == set(hookspecs.HOOKS)


def test_public_names_are_those_of_the_stub() -> None:
    stub = Path(tpzoo.__file__).with_suffix(".pyi").read_text("utf-8")
    listed = [
        alias.asname for each in ast.walk(ast.parse(stub)) if isinstance(each, ast.ImportFrom) for alias in each.names
    ]
    assert sorted(listed) == tpzoo.__all__
    assert [name for name in listed if getattr(tpzoo, name, None) is None] == []
    assert set(listed) <= set(dir(tpzoo))
    with pytest.raises(AttributeError, match="nonsense"):
        tpzoo.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_the_loader_loads_no_torch() -> None:
    code = (
        "import sys\nfrom tpzoo import TargetRule, hookimpl\nfrom tpzoo.plugin.discovery import load_catalogue\n"
        "load_catalogue(builtins=('tpzoo.runner.plugin',))\n"
        "heavy = {'torch', 'timm', 'omegaconf', 'numpy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
