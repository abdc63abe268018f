"""What an entry is, in full: the docstrings of what builds it, read without loading it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from pathlib import Path

from tpzoo.plugin.records import MetricProbe, Record

WHEN_MEASURED = (
    "When: on training steps 1, every + 1, 2 every + 1, ... and on the last step of the run. A probe sees the\n"
    "forward weights before that step, and the maps that made its displacements: under `targets_first` those before\n"
    "their own step on this batch, under `feedback_first` those after it. Rows of losses in metrics.csv are of the\n"
    "weights after the step. Means in reports leave the row of the last step out where it is off the interval."
)
"""What holds for every probe."""


def explanation(record: Record) -> str:
    """The docstrings of the module and of the class or function behind ``build``; empty if it has none."""
    parts = _read(record.build) if isinstance(record.build, str) else _inspected(record.build)
    text = "\n\n".join(re.sub(r"``", "`", part).strip() for part in parts if part)
    if isinstance(record, MetricProbe):
        text = f"{text}\n\n{WHEN_MEASURED}".strip()
    return text


def _read(build: str) -> list[str]:
    module, _, attribute = build.partition(":")
    try:
        spec = importlib.util.find_spec(module)
        tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec is not None and spec.origin else None
    except (ImportError, OSError, SyntaxError, ValueError):
        return []
    if tree is None:
        return []
    found = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute]
    return [ast.get_docstring(node) or "" for node in (tree, *found)]


def _inspected(build: object) -> list[str]:
    module = sys.modules.get(getattr(build, "__module__", ""))
    return [inspect.getdoc(module) or "", inspect.getdoc(build) or ""]
