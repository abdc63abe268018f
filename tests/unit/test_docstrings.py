"""Every public name says what it is; an override that adds nothing inherits what it overrides."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import tpzoo


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(tpzoo.__path__, "tpzoo."):
        if not found.name.startswith("tpzoo.templates") and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def says(owner: type, name: str, member: Any) -> bool:
    """Whether a public member of a class, or what it overrides, has a docstring; what is no method needs none."""
    member = getattr(member, "fget", getattr(member, "__func__", member))
    overridden = [vars(base)[name] for base in owner.__mro__[1:] if name in vars(base)]
    return not inspect.isfunction(member) or any(each.__doc__ for each in [member, *overridden])


def silent(module: ModuleType) -> Iterator[str]:
    """What has no docstring and should have one."""
    if not module.__doc__:
        yield module.__name__
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        text = value.__doc__ or ""
        written = text and not text.startswith(f"{name}(")  # what a dataclass without one is given
        if (inspect.isclass(value) or inspect.isfunction(value)) and not written:
            yield f"{module.__name__}.{name}"
        if inspect.isclass(value):
            for member, method in vars(value).items():
                if not member.startswith("_") and not says(value, member, method):
                    yield f"{module.__name__}.{name}.{member}"


def test_every_public_name_has_a_docstring() -> None:
    assert [name for module in modules() for name in silent(module)] == []


def test_a_method_without_one_is_noticed() -> None:
    module = ModuleType("tpzoo.made", "A module.")
    exec('class Made:\n    "A class."\n    def method(self): ...\n', vars(module))
    assert list(silent(module)) == ["tpzoo.made.Made.method"]
