"""tpzoo: a plugin-based zoo of target-propagation training methods for PyTorch.

What it offers stands in ``__init__.pyi``, each name once and with its home. A name is imported when it is first used:
``from tpzoo import TargetRule, hookimpl`` loads no torch, ``from tpzoo import Block`` does.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

_STUB = Path(__file__).with_suffix(".pyi").read_text("utf-8")
_HOMES = {
    name: home
    for home, names in re.findall(r"^from (\S+) import ([^(\n]+|\([^)]*\))$", _STUB, re.MULTILINE)
    for name in re.findall(r"(\w+) as \w+", names)
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tpzoo' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
