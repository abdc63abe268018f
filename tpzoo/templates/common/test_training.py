"""A network learns scikit-learn's handwritten digits with my_entry."""

from pathlib import Path

from tpzoo.config import load
from tpzoo.runner import train

OVERRIDES = ["epochs=4", "batch_size=32", "optimizer.forward.lr=2e-3", "MY_SELECTION"]


def test_it_learns(tmp_path: Path) -> None:
    loaded = load(None, OVERRIDES, plugins=["my_package.plugin"])
    summary = train(loaded, loaded.catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    assert summary.test_accuracy is not None
    assert summary.test_accuracy > 0.6  # a guess is right one time in ten
