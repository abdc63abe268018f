"""benchmarks/train_recipes.py: what it writes down, and what it leaves alone when a run does not end well."""

from __future__ import annotations

import csv
import importlib.util
import os
import signal
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.runs import signalled_after
from tpzoo.runner.folder import RunFolder

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_recipes.py"
RECIPE = """
epochs: 2
batch_size: 128
architecture: {name: mlp, hidden: [4]}
rule: bp
data: {name: digits, validation: 97}
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_recipes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_recipes"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def call(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *overrides: object) -> None:
    monkeypatch.setattr(sys, "argv", ["train_recipes.py", "--threads", "1", *map(str, overrides)])
    script.main()


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_seeds_are_trained_once_and_averaged(
    script: ModuleType, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ("--seeds", 0, 1, "--runs", tmp_path / "runs", "--csv", tmp_path / "a.csv", recipe)
    call(script, monkeypatch, *overrides)
    header, first, second, mean, sd = rows(tmp_path / "a.csv")
    assert header == list(script.HEADER)
    assert [row[1] for row in (first, second, mean, sd)] == ["0", "1", "mean", "sd"]
    assert float(mean[3]) == pytest.approx(statistics.mean([float(first[3]), float(second[3])]), abs=0.011)
    assert "1 threads" in first[-1]
    before = (tmp_path / "a.csv").read_text()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("metrics.csv")}
    call(script, monkeypatch, *overrides)
    assert (tmp_path / "a.csv").read_text() == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    call(script, monkeypatch, "--seeds", 0, 7, "--finished", *overrides[3:5], "--csv", tmp_path / "b.csv", recipe)
    assert rows(tmp_path / "b.csv") == [header, first]


def test_seeds_of_other_code_are_not_averaged(
    script: ModuleType, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ("--seeds", 0, 1, "--runs", tmp_path / "runs", "--csv", tmp_path / "a.csv", recipe)
    call(script, monkeypatch, *overrides)
    (tmp_path / "a.csv").unlink()
    where = RunFolder(tmp_path / "runs" / "small-1")
    environment = where.environment()
    environment["sessions"][0]["code"]["tpzoo"]["code"] = "another"
    where.write_environment(environment)
    with pytest.raises(SystemExit, match=r"other code \(tpzoo\)"):
        call(script, monkeypatch, *overrides)
    assert not (tmp_path / "a.csv").exists()
    call(script, monkeypatch, *overrides, "--join-code")
    assert (tmp_path / "a.csv").exists()


def test_an_interrupted_run_ends_the_script_and_writes_nothing(
    script: ModuleType, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("kept")
    overrides = ("--seeds", 0, 1, "--runs", tmp_path / "runs", "--csv", tmp_path / "a.csv", recipe)
    with signalled_after(3, signal.SIGTERM), pytest.raises(SystemExit, match="interrupted after 0 epochs"):
        call(script, monkeypatch, *overrides)
    assert (tmp_path / "a.csv").read_text() == "kept"
    assert os.listdir(tmp_path / "runs") == ["small-0"]
    (tmp_path / "runs" / "small-1").mkdir()  # killed before there was anything in it
    call(script, monkeypatch, *overrides)
    assert [row[1] for row in rows(tmp_path / "a.csv")[1:]] == ["0", "1", "mean", "sd"]


def test_where_nothing_is_finished_nothing_is_written(
    script: ModuleType, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("kept")
    with pytest.raises(SystemExit, match="holds no finished run"):
        call(script, monkeypatch, "--runs", tmp_path / "typo", "--finished", "--csv", tmp_path / "a.csv", recipe)
    assert (tmp_path / "a.csv").read_text() == "kept"
    for overrides in (("--finished", recipe), ("epochs=1",)):
        with pytest.raises(SystemExit) as caught:
            call(script, monkeypatch, *overrides)
        assert caught.value.code == 2


def test_a_run_that_fails_is_named_and_nothing_is_written(
    script: ModuleType,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overrides = ("--seeds", 0, "--runs", tmp_path / "runs", "--csv", tmp_path / "a.csv", recipe)
    call(script, monkeypatch, *overrides)
    before = (tmp_path / "a.csv").read_text()
    with pytest.raises(SystemExit, match=r"1 of the runs failed; .*a\.csv was not written"):
        call(script, monkeypatch, *overrides, "batch_size=64")
    assert "small, seed 0: " in capsys.readouterr().err
    assert (tmp_path / "a.csv").read_text() == before
