"""A network learns my_entry."""

from pathlib import Path

from tpzoo.config import load
from tpzoo.runner import train

OVERRIDES = [
    "epochs=20",
    "batch_size=32",
    "optimizer.forward.lr=3e-3",
    "architecture.activation=relu",
    "rule=bp",
    "data=my_entry",
]


def test_it_can_be_learnt(tmp_path: Path) -> None:
    loaded = load(None, OVERRIDES, plugins=["my_package.plugin"])
    summary = train(loaded, loaded.catalogue, run_dir=tmp_path / "run", quiet=True)
    assert summary.status == "done"
    assert summary.test_accuracy is not None
    assert summary.test_accuracy > 0.9  # a guess is right one time in two, and so is a straight line, nearly
