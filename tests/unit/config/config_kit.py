"""Types of the fixtures of these tests."""

from __future__ import annotations

from collections.abc import Callable

from tpzoo.config import LoadedConfig

Load = Callable[..., LoadedConfig]
Problems = Callable[..., list[str]]
