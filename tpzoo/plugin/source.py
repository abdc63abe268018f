"""The source of plugins, and digests of it: of the bytes, and of the code alone, without comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tpzoo.plugin.catalogue import OWN, PluginInfo
from tpzoo.plugin.files import PluginFile

LENGTH = 16

NOT_IN_A_RUN = ("cli", "report", "templates", "testing")
"""The parts of tpzoo of which no number of a run depends."""

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """What the plugins of one distribution are written in.

    Attributes:
        source, code: hex digits of a digest of the bytes, and of the code alone.
        file: of a plugin that is a single file its full path; empty for a distribution.
    """

    source: str
    code: str
    file: str = ""


def sources_of(plugins: Iterable[PluginInfo]) -> dict[str, Source]:
    """The sources by distribution; of a package every ``.py`` file of it, as it is on the disk now."""
    by_owner: dict[str, list[PluginInfo]] = {}
    for plugin in plugins:
        by_owner.setdefault(plugin.distribution, []).append(plugin)
    return {owner: _source(members) for owner, members in sorted(by_owner.items())}


def source_of(file: PluginFile) -> Source:
    """The source of a plugin that is a single file."""
    return _source([PluginInfo(key=str(file.path), distribution=file.path.stem, content=file.content)])


def _source(plugins: list[PluginInfo]) -> Source:
    files = {Path(plugin.key).name: plugin.content for plugin in plugins if plugin.content}
    for module in dict.fromkeys(_top(plugin.module) for plugin in plugins if not plugin.content):
        files |= package_files(module)
    digests = {name: (hashlib.sha256(content).hexdigest(), code_digest(content)) for name, content in files.items()}
    source, code = (_of_all({name: pair[i] for name, pair in digests.items()}) for i in (0, 1))
    return Source(source, code, plugins[0].key if plugins[0].content else "")


def package_files(module: str) -> dict[str, bytes]:
    """Every ``.py`` file of the package that a module lies in, by its name there; of a single module its file."""
    top = _top(module)
    found = sys.modules.get(top)
    file = getattr(found, "__file__", None)
    if file is None:
        return {}
    if not hasattr(found, "__path__"):
        return {f"{top}.py": Path(file).read_bytes()} if file.endswith(".py") else {}
    folder = Path(file).parent
    left_out = NOT_IN_A_RUN if top == OWN else ()
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.py"))
    return {f"{top}/{name.as_posix()}": (folder / name).read_bytes() for name in names if name.parts[0] not in left_out}


def is_of(plugin: PluginInfo, module: str) -> bool:
    """Whether a Python module is the plugin, or lies in its package."""
    if plugin.content:
        return module == plugin.module
    top = _top(plugin.module)
    return bool(top) and (module == top or module.startswith(f"{top}."))


@lru_cache(maxsize=4096)
def code_digest(content: bytes) -> str:
    """A digest of Python source that no comment, docstring or layout changes; of what is no Python, of its bytes.

    The same in all versions of Python that have the same syntax tree.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    for part in _parts(tree):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(node: Any) -> Iterator[str]:
    """The tree as texts; empty fields are left out, since later versions of Python have more of them."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                value = value[1:]
            if value is not None and value != [] and name not in ("kind", "type_comment", "ctx"):
                yield name
                yield from _parts(value)
        yield ")"
    elif isinstance(node, list):
        for each in node:
            yield from _parts(each)
        yield "]"
    else:
        yield f"{type(node).__name__} {node!r}"


def _top(module: str) -> str:
    """The outermost package of a module; a namespace, which holds the packages of others, is none."""
    parts = module.split(".")
    names = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return next((name for name in names if getattr(sys.modules.get(name), "__file__", None)), module)


def _of_all(digests: Mapping[str, str]) -> str:
    text = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
