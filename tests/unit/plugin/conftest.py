"""An environment without any plugin but those that a test writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpzoo.plugin import discovery


@pytest.fixture(autouse=True)
def only_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Clear the variables, and look for distributions in ``tmp_path`` only."""
    for name in ("TPZOO_PLUGINS", "TPZOO_BLOCK", "TPZOO_STRICT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = discovery.importlib.metadata.entry_points

    def ours(**query: str) -> list[object]:
        return [entry for entry in found(**query) if entry.dist and str(tmp_path) in str(entry.dist.locate_file(""))]

    monkeypatch.setattr(discovery.importlib.metadata, "entry_points", ours)
