"""Probe ``gnt_damping_search``: what it is told to try."""

from __future__ import annotations

import pytest

from tpzoo.config import load
from tpzoo.errors import ConfigError


def test_no_dampings_are_nothing_to_search() -> None:
    with pytest.raises(ConfigError, match="dampings is empty"):
        load(None, ["probes.gnt_damping_search.dampings=[]"])
