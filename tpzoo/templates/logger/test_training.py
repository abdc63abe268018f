"""my_entry writes down how a network learns scikit-learn's handwritten digits."""

import json
from pathlib import Path

from tpzoo.config import load
from tpzoo.runner import train

OVERRIDES = ["epochs=2", "architecture.hidden=[16]", "loggers.my_entry={}"]


def test_it_writes_down_every_epoch(tmp_path: Path) -> None:
    loaded = load(None, OVERRIDES, plugins=["my_package.plugin"])
    summary = train(loaded, loaded.catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    lines = (tmp_path / "run" / "my_entry.jsonl").read_text().splitlines()
    epochs = [record for record in map(json.loads, lines) if record["event"] == "epoch"]
    assert [record["epoch"] for record in epochs] == [1, 2]
    assert epochs[-1]["test_accuracy"] == summary.test_accuracy
