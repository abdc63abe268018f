"""The data set records: light to load, complete, buildable."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from tpzoo.plugin.records import DataSettings
from tpzoo.zoo.datasets.plugin import tpzoo_datasets

RECORDS = list(tpzoo_datasets())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_settings_are_frozen_share_the_common_ones_and_say_what_they_do(record: object) -> None:
    config = record.config  # type: ignore[attr-defined]
    assert issubclass(config, DataSettings)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config().validation = 1
    for field in dataclasses.fields(config):
        assert field.metadata["help"]
        assert "choices" not in field.metadata or field.default in field.metadata["choices"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_the_builder_exists(record: object) -> None:
    assert callable(record.builder())  # type: ignore[attr-defined]


def test_the_records_load_no_torch() -> None:
    code = "import sys, tpzoo.zoo.datasets.plugin; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
