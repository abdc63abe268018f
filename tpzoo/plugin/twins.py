"""Which twin belongs to a module type: the one of the nearest ancestor that has any."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from tpzoo.errors import PluginError

E = TypeVar("E")


def nearest_twins(module_type: type, entries: Iterable[E], module_of: Callable[[E], type | str]) -> list[E]:
    """Return the entries whose module is the nearest ancestor of ``module_type``; empty if none is."""
    types = [(entry, _resolve(module_of(entry))) for entry in entries]
    for ancestor in module_type.__mro__:
        found = [entry for entry, candidate in types if candidate is ancestor]
        if found:
            return found
    return []


def _resolve(module: type | str) -> type | None:
    """The type, or None if its package is not imported: then nothing can be an instance of it."""
    if isinstance(module, type):
        return module
    path, _, name = module.partition(":")
    if path.partition(".")[0] not in sys.modules:
        return None
    try:
        found = getattr(importlib.import_module(path), name)
    except Exception as error:  # importing a stranger's module can raise anything
        raise PluginError(f"the twin of '{module}' cannot be resolved: {error}") from error
    return found if isinstance(found, type) else None
