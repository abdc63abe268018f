"""What a logger keeps is found unreadable at the first save, not when the run is resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.runs import run, toy, write_toy_data
from tpzoo import PluginError
from tpzoo.zoo.loggers.csv import CsvLogger


class Own:
    """No class that torch knows."""


@pytest.mark.parametrize(
    "kept", [{"a": Own()}, {"a": np.float64(1)}, {"a": np.zeros(2)}, {"a": lambda: None}, {"a": {1: {2: Own}}}]
)
def test_it_is_named_at_the_first_save(kept: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CsvLogger, "state", lambda self: kept)
    with pytest.raises(PluginError, match="the state of logger 'csv' cannot be kept in a checkpoint"):
        run(toy(write_toy_data(tmp_path), "rule=bp"), tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_what_can_be_read_back_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"a": [1, 2.0, "three", None, True], "b": {"c": torch.zeros(2)}, "d": (1, 2)}
    monkeypatch.setattr(CsvLogger, "state", lambda self: kept)
    assert run(toy(write_toy_data(tmp_path), "rule=bp"), tmp_path / "run").status == "done"
