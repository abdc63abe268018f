"""A small run that several tests look at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import tpzoo

SMALL = ("epochs=2", "architecture.hidden=[8]", "probes.bp_angle.every=5", "data.validation=300")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of two epochs that kept every checkpoint."""
    folder = tmp_path_factory.mktemp("small") / "run"
    done = tpzoo("train", *SMALL, "checkpoint.every_epochs=1", "--run-dir", folder)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    return folder
