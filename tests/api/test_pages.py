"""The code of the pages does what they say: each example is run as a reader would."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import tpzoo as command

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_notebook(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    out = said("notebook")
    assert "Run('runs/first', done)" in out
    assert "digits-bp" in out
    assert (tmp_path / "for-a-colleague" / "network.py").is_file()


def test_bring_your_own_network() -> None:
    out = said("split_network")
    assert "['stem', 'left', 'head']" in out
    assert "let one block hold both" in out


def test_gradients_in_a_rule() -> None:
    assert "'jacobian':" in said("half_of_backprop")


def test_an_architecture_in_a_file(tmp_path: Path) -> None:
    overrides = ["architecture=my_net", "feedback=tied", "learner=none", "epochs=1", "--run-dir", "run"]
    done = command("train", str(ROOT / "configs" / "demo.yaml"), "--plugin", str(EXAMPLES / "my_net.py"), *overrides)
    assert done.returncode == 0, done.stderr
    checked = command("check", str(EXAMPLES / "my_net.py"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_cifar10_takes_fifteen_lines(tmp_path: Path) -> None:
    """On a few random images: the real ones are measured by a benchmark."""
    assert len((EXAMPLES / "own_cifar10.py").read_text("utf-8").splitlines()) <= 15
    random = np.random.default_rng(0)
    arrays = {"x_train": random.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8), "y_train": np.arange(300) % 10}
    np.savez(tmp_path / "cifar10.npz", **arrays, x_test=arrays["x_train"][:50], y_test=arrays["y_train"][:50])
    for method in ("bp", "ldrl"):
        assert said("own_cifar10", method, TPZOO_DATA=str(tmp_path)).count("test error") == 3


def test_six_cells_of_the_table_of_models_run(capsys: pytest.CaptureFixture[str]) -> None:
    models = runpy.run_path(str(ROOT / "benchmarks" / "models.py"))
    assert models["main"](["sample"]) == 0
    assert capsys.readouterr().out.count("step_seconds") == 6
