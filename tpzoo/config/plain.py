"""From settings back to plain values: what a config file would say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from tpzoo.errors import PluginError
from tpzoo.plugin.settings import Component, PerName


def to_plain(value: Any, qualified: bool = False) -> Any:
    """Return what a config file would say: dicts, lists and scalars. A component with settings becomes a mapping.

    Args:
        qualified: write every component's name with its distribution, as ``tpzoo/dtp``.

    Raises:
        PluginError: a setting holds an object that YAML cannot say.
    """
    if isinstance(value, Component):
        prefix = f"{value.distribution}/" if qualified else ""
        settings = {} if value.settings is None else to_plain(value.settings, qualified)
        return {"name": prefix + value.name.removeprefix(prefix), **settings}
    if isinstance(value, PerName):
        return to_plain(value.value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return {name: to_plain(getattr(value, name), qualified) for name in fields}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, qualified) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item, qualified) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise PluginError(f"a setting holds an object of type {type(value).__name__}, which a config cannot say")
