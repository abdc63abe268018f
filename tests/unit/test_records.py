"""The records of measured numbers: they belong to what is here, and the sample that measures some again is what it"
" says."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.every import for_every
from tests.support.run_folders import epochs, write_run
from tpzoo.errors import DataError
from tpzoo.report.run_record import ERROR, RunRecord, by_quantity, read_record, read_records, write_record
from tpzoo.report.runs import find_runs

ROOT = Path(__file__).parents[2]
RECORDS = read_records(ROOT / "docs" / "data" / "runs")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """benchmarks/records.py as a module."""
    spec = importlib.util.spec_from_file_location("records_script", ROOT / "benchmarks" / "records.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["records_script"] = module
    spec.loader.exec_module(module)
    return module


def test_none_is_stale(script: ModuleType) -> None:
    """By config and torch; the data have a test of their own."""
    stale = {name: why for name, record in RECORDS.items() if (why := list(script.why_stale(record, data=False)))}
    assert not stale, "measure them again: python benchmarks/records.py make NAME"


@pytest.mark.skipif(
    "TPZOO_DATA" not in os.environ, reason="TPZOO_DATA is not set: records of MNIST and CIFAR-10 need it"
)
def test_the_data_are_those_that_were_measured_on(script: ModuleType) -> None:
    first = {record.data: record for record in reversed(RECORDS.values())}  # to read each kind of data takes seconds
    assert {record.name: why for record in first.values() if (why := list(script.why_stale(record)))} == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config_hash": "0"}, "the resolved config is"),
        ({"torch": "1.0.0"}, "torch is"),
        ({"data": "0"}, "the data are"),
        ({"overrides": ("epochs=31",)}, "the resolved config is"),
        ({"config": "not_there"}, "cannot be loaded"),
    ],
)
def test_what_no_longer_belongs_is_named(change: dict[str, object], said: str, script: ModuleType) -> None:
    record = dataclasses.replace(RECORDS["demo"], **change)  # type: ignore[arg-type]
    assert any(said in why for why in script.why_stale(record))


@for_every("name", RECORDS)
def test_a_record_says_what_is_needed_to_measure_it_again(name: str) -> None:
    record = RECORDS[name]
    assert record.name == name
    assert len(record.commit.rstrip("+")) == 40
    assert record.threads >= 1
    assert record.seeds
    assert all(set(by_seed) <= set(record.seeds) for by_seed in record.values.values())


def test_the_sample_is_decided_by_the_commit(script: ModuleType) -> None:
    records = list(RECORDS.values())
    one, again, other = (script.chosen(records, of) for of in ("a", "a", "b"))
    assert one == again
    assert one != other
    assert len(one) == 5
    assert all(record.seconds < 20 and record.threads == 1 and record.of(ERROR) for record in (*one, *other))


def test_a_range_is_widened_by_three_test_examples() -> None:
    record = dataclasses.replace(RECORDS["demo"], test_examples=300, values={ERROR: {"0": 2.0, "1": 5.0}})
    assert record.allowed(ERROR) == (1.0, 6.0)


def test_a_number_out_of_range_makes_the_sample_fail(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    good = RECORDS["demo"]
    bad = dataclasses.replace(good, values={**good.values, ERROR: dict.fromkeys(good.of(ERROR) and good.seeds, 50.0)})
    for record, wrong in ((good, 0), (bad, 1)):
        monkeypatch.setattr(script, "read_records", lambda folder, record=record: {"demo": record})
        assert script.check_sample("x") == wrong


def test_a_record_is_what_its_runs_came_to(tmp_path: Path) -> None:
    for seed in (1, 0):
        figures = epochs(train_loss=[1.0, 0.5], test_accuracy=[0.5, 0.75 + seed / 8], valid_accuracy=[0.9, 0.8])
        config = {"probes": {"bp_angle": {"name": "bp_angle", "every": 10}}}
        probes = {"bp_angle/fc1": {1: 40.0, 11: 20.0, 20: 90.0}}
        write_run(tmp_path / str(seed), seed=seed, epochs=figures, probes=probes, config=config, passes=[2.0, 4.0])
    found = by_quantity(find_runs([tmp_path]).runs)
    assert found[ERROR] == {"0": 25.0, "1": 12.5}
    assert found["test_error_at_best_valid"] == {"0": 50.0, "1": 50.0}
    assert found["seconds_per_epoch"] == {"0": 3.0, "1": 3.0}
    assert found["bp_angle/fc1:mean"] == {"0": 30.0, "1": 30.0}


def test_a_regression_has_a_loss_and_no_error(tmp_path: Path) -> None:
    write_run(tmp_path / "0", seed=0, epochs=epochs(train_loss=[1.0], test_loss=[2.0]))
    found = by_quantity(find_runs([tmp_path]).runs)
    assert found["test_loss"] == {"0": 2.0}
    assert ERROR not in found


def test_a_record_is_read_back_as_it_was(tmp_path: Path) -> None:
    record = RECORDS["demo"]
    path = write_record(tmp_path, record)
    assert read_record(path) == record
    path.write_text("{}")
    with pytest.raises(DataError, match="no record"):
        read_record(path)
    assert isinstance(record, RunRecord)
