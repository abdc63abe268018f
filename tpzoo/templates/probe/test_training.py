"""my_entry measures every block while a network learns scikit-learn's handwritten digits."""

import csv
from pathlib import Path

from tpzoo.config import load
from tpzoo.runner import train

OVERRIDES = ["epochs=1", "architecture.hidden=[16]", "probes.my_entry.every=1"]


def test_it_measures_every_block_at_every_step(tmp_path: Path) -> None:
    loaded = load(None, OVERRIDES, plugins=["my_package.plugin"])
    summary = train(loaded, loaded.catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["event"] == "probe"]
    assert {row["name"] for row in rows} == {"my_entry/fc1", "my_entry/fc2"}
    assert len(rows) == 2 * summary.steps
    assert all(float(row["value"]) > 0 for row in rows)
