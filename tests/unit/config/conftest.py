"""A catalogue of the toy zoo, and a way to load a config that a test writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import toy_zoo
from tests.support.config_kit import Load, Problems
from tpzoo import ConfigError
from tpzoo.config import LoadedConfig, load
from tpzoo.plugin.catalogue import Catalogue, PluginInfo
from tpzoo.plugin.collecting import collect


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The toy zoo."""
    return Catalogue([PluginInfo("tpzoo:toy", "tpzoo", records=collect(toy_zoo, "toy"))])


@pytest.fixture
def load_text(tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that loads a config of this text and overrides. The file is ``exp.yaml``; others by keyword."""
    monkeypatch.chdir(tmp_path)

    def run(text: str = "", *overrides: str, **others: str) -> LoadedConfig:
        for name, content in others.items():
            Path(f"{name}.yaml").write_text(content)
        Path("exp.yaml").write_text(text)
        return load(Path("exp.yaml"), overrides, catalogue)

    return run


@pytest.fixture
def problems(load_text: Load) -> Problems:
    """As ``load_text``, but the config must be refused; returns the lines of the error."""

    def run(text: str = "", *overrides: str, **others: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, *overrides, **others)
        return str(caught.value).splitlines()

    return run
