"""Write plugins the way people do: single files, and installed distributions with an entry point."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

HEAD = """from dataclasses import dataclass
from tpzoo import Component, DataSet, LossFunction, MetricProbe, OutputTarget, Recipe, TargetRule, component, hookimpl
"""


def rule(name: str, **fields: str) -> str:
    """The text of a plugin with one target rule; ``fields`` are expressions."""
    details = "".join(f", {key}={value}" for key, value in fields.items())
    return (
        "from tpzoo import TargetRule, hookimpl\n\n@hookimpl\ndef tpzoo_target_rules():\n"
        f"    yield TargetRule(name={name!r}, summary='a rule', build=print{details})\n"
    )


def write_file(folder: Path, text: str, name: str = "plugin.py") -> str:
    """Write a single-file plugin and return its path."""
    path = folder / name
    path.write_text(dedent(text))
    return str(path)


def install(folder: Path, distribution: str, entries: dict[str, str], version: str = "1.0") -> None:
    """Install a distribution into ``folder``: one module for each entry, and its metadata."""
    stem = distribution.replace("-", "_")
    lines = ["[tpzoo]"]
    for entry, text in entries.items():
        module = f"{stem}_{entry}"
        (folder / f"{module}.py").write_text(dedent(text))
        lines.append(f"{entry} = {module}")
    info = folder / f"{stem}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
