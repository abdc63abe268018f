"""Overrides of the command line that change nothing, which a user should hear of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tpzoo.config.loader import load
from tpzoo.config.resolved import LoadedConfig
from tpzoo.errors import TpzooError

NOTHING = object()


def idle_overrides(loaded: LoadedConfig, config: Path | str | None, overrides: Sequence[str]) -> list[str]:
    """A line for each override whose place has the same value without any of them.

    Args:
        loaded: the config with the overrides.
        config: what it was loaded from, as :func:`tpzoo.config.load` takes it.
    """
    try:
        without = load(config, (), loaded.catalogue).plain() if overrides else {}
    except TpzooError:  # it needs them
        return []
    found, lines = loaded.plain(), []
    for override in overrides:
        path = override.partition("=")[0].strip().split(".")
        value = _at(found, path)
        if value is not NOTHING and value == _at(without, path):
            lines.append(f"{override} changes nothing: {_why(override, value)}")
    return lines


def _at(tree: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return NOTHING
        tree = tree[key]
    return tree


def _why(override: str, value: Any) -> str:
    if override.partition("=")[2].strip().startswith("{"):
        return "a mapping adds to what is there, and takes nothing away (KEY=null does)"
    return "it is so without it" if not isinstance(value, Mapping) else "the same is chosen without it"
