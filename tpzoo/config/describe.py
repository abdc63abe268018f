"""What a component can be set to, as text: for ``tpzoo show`` and for documentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tpzoo.config.fields import Field, describe, fields_of
from tpzoo.config.limits import BOUNDS
from tpzoo.config.plain import to_plain
from tpzoo.plugin.records import Record


@dataclass(frozen=True)
class SettingRow:
    """One setting: its key, its type and limits as text, its default as a config would say it, and its help line."""

    name: str
    type: str
    default: Any
    limits: str
    help: str


def settings_table(settings: Record | type | None) -> list[SettingRow]:
    """Return a row for every setting of a record or of a settings dataclass, nested groups with dotted names."""
    declared: Any = (settings.config or settings.shared) if isinstance(settings, Record) else settings
    return _rows(declared, declared(), "") if declared else []


def _rows(settings: Any, base: Any, prefix: str) -> list[SettingRow]:
    rows: list[SettingRow] = []
    for name, declared in fields_of(settings).items():
        default = getattr(base, name)
        if declared.role == "group":
            rows += _rows(declared.hint, default, f"{prefix}{name}.")
        else:
            rows.append(SettingRow(prefix + name, _type(declared), _default(default), _limits(declared), declared.help))
    return rows


def _type(declared: Field) -> str:
    if declared.role == "component":
        return f"one {declared.kind}"
    return f"any number of {declared.kind}s" if declared.role == "table" else describe(declared.hint)


def _default(value: Any) -> Any:
    plain = to_plain(value)
    return plain["name"] if dataclasses.is_dataclass(value) and isinstance(plain, dict) and "name" in plain else plain


def _limits(declared: Field) -> str:
    parts = [f"{said} {declared.metadata[key]}" for key, (_, said) in BOUNDS.items() if key in declared.metadata]
    if "choices" in declared.metadata:
        parts.append("one of " + ", ".join(declared.metadata["choices"]))
    return ", ".join(parts)
