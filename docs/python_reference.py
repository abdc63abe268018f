"""The reference of what ``tpzoo`` offers to Python, from its docstrings and signatures."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STUB = Path(__file__).parents[1] / "tpzoo" / "__init__.pyi"
GROUPS = {
    "Runs": ("tpzoo.api.train", "tpzoo.api.run", "tpzoo.api.table", "tpzoo.api.predictions"),
    "Your own loop": ("tpzoo.api.trainer", "tpzoo.api.host"),
    "Your own network": ("tpzoo.cut",),
    "Configs": ("tpzoo.config",),
    "The engine: what plugins derive from and call": ("tpzoo.engine", "tpzoo.assembly"),
    "Records and settings of plugins": ("tpzoo.plugin",),
    "Files and errors": ("tpzoo.errors", "tpzoo.files", "tpzoo.digests"),
}


def homes() -> dict[str, str]:
    """Every public name and the module that it comes from."""
    found = re.findall(r"^from (\S+) import ([^(\n]+|\([^)]*\))$", STUB.read_text("utf-8"), re.MULTILINE)
    return {name: home for home, names in found for name in re.findall(r"(\w+) as \w+", names)}


def python() -> Iterator[str]:
    """Every public name with its signature and what its docstring says; of a class its methods too."""
    yield "# Python\n"
    yield "<!-- Made by docs/generate.py: change the code instead. -->\n"
    yield (
        "What `import tpzoo` offers. Pages that show it at work: [in your own loop](own-loop.md), [bring your own"
        " network](own-network.md), [from a notebook](notebook.md), and for plugins the"
        " [tutorial](tutorial-plugin.md).\n"
    )
    known = homes()
    for title, places in GROUPS.items():
        names = [name for name, home in known.items() if any(f"{home}.".startswith(f"{each}.") for each in places)]
        yield f"## {title}\n"
        yield ", ".join(f"[`{name}`](#{name.lower()})" for name in sorted(names, key=str.lower)) + "\n"
        for name in sorted(names, key=str.lower):
            yield from entry(name, getattr(importlib.import_module(known[name]), name))


def entry(name: str, value: Any) -> Iterator[str]:
    """One name."""
    yield f"### {name}\n"
    if inspect.isclass(value) or inspect.isroutine(value):
        yield f"```python\n{signature(name, value)}\n```\n"
        yield text(inspect.getdoc(value)) + "\n"
        if inspect.isclass(value):
            yield from methods(value)
    elif isinstance(value, tuple | str | int):
        yield f"`{value!r}`\n"
    else:
        yield "A type that signatures use.\n"


def methods(kind: type) -> Iterator[str]:
    """The public methods and properties that a class of tpzoo's defines itself."""
    lines = []
    for name, member in vars(kind).items():
        said = member.fget if isinstance(member, property) else member
        plain = inspect.isfunction(said) or isinstance(said, classmethod | staticmethod)
        if name.startswith("_") or not plain or not (inspect.getdoc(said) or inspect.getdoc(getattr(kind, name))):
            continue
        first = (inspect.getdoc(getattr(kind, name)) or inspect.getdoc(said) or "").splitlines()[0]
        arguments = "" if isinstance(member, property) else "(...)" if len(parameters(said)) else "()"
        lines.append(f"- `{name}{arguments}`: {text(first)}")
    if lines:
        yield "\n".join(lines) + "\n"


def parameters(function: Any) -> list[str]:
    """The names of a method's arguments."""
    found = inspect.signature(getattr(function, "__func__", function)).parameters
    return [name for name in found if name not in ("self", "cls")]


def signature(name: str, value: Any) -> str:
    """As it is written, a line for each argument where it is long."""
    try:
        found = inspect.signature(value)
    except (ValueError, TypeError):
        return name
    kept = [each for each in found.parameters.values() if each.name not in ("self",)]
    short = f"{name}{found.replace(parameters=kept, return_annotation=inspect.Signature.empty)}"
    short = re.sub(r"<factory>", "...", re.sub(r" at 0x[0-9a-f]+", "", short)).replace("'", "")
    if len(short) <= 100:
        return short
    inside = ",\n".join(f"    {line}" for line in _arguments(short[len(name) + 1 : -1]))
    return f"{name}(\n{inside},\n)"


def _arguments(said: str) -> Iterator[str]:
    depth, line = 0, ""
    for letter in said:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            yield line.strip()
            line = ""
        else:
            line += letter
    yield line.strip()


def text(docstring: str | None) -> str:
    """A docstring as Markdown: its sections as lists."""
    lines, listed = [], False
    for line in (docstring or "").replace("``", "`").splitlines():
        if re.fullmatch(r"(Args|Attributes|Returns|Raises|Yields):", line):
            lines += ["", f"**{line}**", ""]
            listed = True
        elif listed and re.match(r"    \S", line):
            lines.append(f"- {line.strip()}")
        elif listed and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            listed = listed and not line.strip()
            lines.append(line)
    made = re.sub(r":(?:func|class|meth|attr):`~?([^`]+)`", r"`\1`", "\n".join(lines))
    return re.sub(r"\n{3,}", "\n\n", made).strip()
