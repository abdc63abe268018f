"""Every check can fail, continued: data sets, probes, loggers, optimisers, and what all records share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conformance.test_kit_catches import failed
from tpzoo import (
    Data,
    DataSet,
    Draw,
    Logger,
    LogRecord,
    LossFunction,
    MetricProbe,
    Optimizer,
    OptimizerSettings,
    Probe,
    ProbeSettings,
    Record,
    RuleSettings,
    RunInfo,
    RunLogger,
    Schedule,
    ScheduleSettings,
    Snapshot,
    Split,
    TargetRule,
    setting,
)
from tpzoo.testing.toys import VECTORS
from tpzoo.zoo.losses.mse import MeanSquaredError
from tpzoo.zoo.rules.dtp import DTP


def data_with(y: Tensor | None = None, random: bool = False, **more: Any) -> Any:
    def build(settings: Any) -> Data:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(12, 6) if random else torch.rand(12, 6, generator=generator)
        labels = torch.arange(12) % 3 if y is None else y
        return Data(VECTORS, Split(x, labels), Split(x.clone(), labels), **more)

    return build


def in_place(x: Tensor, draw: Draw) -> Tensor:
    return x.add_(1)


def drawing(x: Tensor, draw: Draw) -> Tensor:
    torch.rand(1)
    return x


def counted(settings: Any, calls: list[int] = []) -> Data:  # noqa: B006 (on purpose: it remembers)
    calls.append(1)
    data: Data = data_with()(settings)
    return Data(data.spec, Split(data.train.x * len(calls), data.train.y), data.test)


DATASETS: dict[str, tuple[Any, set[str]]] = {
    "in order": (data_with(), set()),
    "labels": (data_with(torch.arange(12) % 5), {"labels_fit"}),
    "label dtype": (data_with(torch.arange(12).float() % 3), {"labels_fit"}),
    "rows mix": (data_with(normalise=lambda x: x - x.mean(0)), {"prepare"}),
    "not finite": (data_with(normalise=lambda x: x / 0), {"prepare"}),
    "in place": (data_with(augment=in_place), {"augmentation"}),
    "draws": (data_with(augment=drawing), {"augmentation"}),
    "changes": (counted, {"builds_the_same"}),
}


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(name: str, device: str) -> None:
    build, expected = DATASETS[name]
    record = DataSet(name="broken", summary="numbers", build=build, provides=("classification",))
    assert failed(record, device) == expected


def test_a_data_set_that_is_not_what_it_provides(device: str) -> None:
    record = DataSet(name="broken", summary="numbers", build=data_with(), provides=("classification", "images"))
    assert failed(record, device) == {"capabilities"}


class Measures(Probe):
    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {"one": torch.ones(())}


class MeasuresNaN(Measures):
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {"one": torch.tensor(torch.nan)}


class MeasuresVectors(Measures):
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {"one": torch.ones(2)}


class MovesTheNetwork(Measures):
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        with torch.no_grad():
            next(snapshot.network.parameters()).add_(1)
        return super().measure(snapshot)


class DrawsWhileLooking(Measures):
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {"one": torch.rand(())}


class AlwaysEvery(Measures):
    def __init__(self, settings: ProbeSettings) -> None:
        self.every = 3


PROBES: dict[type[Probe], set[str]] = {
    Measures: set(),
    MeasuresNaN: {"scalars"},
    MeasuresVectors: {"scalars"},
    MovesTheNetwork: {"only_looks"},
    DrawsWhileLooking: {"only_looks"},
    AlwaysEvery: {"interval"},
}


@pytest.mark.parametrize("probe", PROBES)
def test_probes(probe: type[Probe], device: str) -> None:
    record = MetricProbe(name="broken", summary="a probe", build=probe, config=ProbeSettings)
    assert failed(record, device) == PROBES[probe]


class Writes(Logger):
    """Appends steps to a CSV file, and cuts it where a resumed run goes on."""

    cuts = True

    def __init__(self, folder: Path | None) -> None:
        self.path = folder / "steps.csv" if folder else None

    def start(self, run: RunInfo, state: Mapping[str, Any]) -> None:
        if self.path and self.path.exists() and self.cuts:
            self.path.write_text(self.path.read_text()[: state.get("length", 0)])

    def log(self, record: LogRecord) -> None:
        if self.path:
            with self.path.open("a") as file:
                file.write(f"{record.step}\n")

    def state(self) -> dict[str, Any]:
        return {"length": len(self.path.read_text()) if self.path and self.path.exists() else 0}


class NeverCuts(Writes):
    cuts = False


class KeepsATensor(Writes):
    def state(self) -> dict[str, Any]:
        return {**super().state(), "tensor": torch.zeros(1)}


class NeedsAFolder(Writes):
    def log(self, record: LogRecord) -> None:
        assert self.path is not None
        super().log(record)


class WritesBeside(Writes):
    def log(self, record: LogRecord) -> None:
        super().log(record)
        if self.path:
            Path(self.path.parent.parent, "elsewhere.txt").write_text("here")


LOGGERS: dict[type[Writes], set[str]] = {
    Writes: set(),
    NeverCuts: {"resumes"},
    KeepsATensor: {"state_is_plain"},
    NeedsAFolder: {"runs_without_a_folder"},
    WritesBeside: {"whole_run"},
}


@pytest.mark.parametrize("logger", LOGGERS)
def test_loggers(logger: type[Writes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    record = RunLogger(name="broken", summary="a logger", build=lambda settings, folder: logger(folder))
    assert failed(record, device) == LOGGERS[logger]


@dataclass(frozen=True)
class Slippery(RuleSettings):
    """Settings that are others when they are made again."""

    size: float = setting(1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.size + 1)


@dataclass(frozen=True)
class Fine:
    """Settings that are as they are given."""

    size: float = setting(1.0, above=0)


def with_settings(settings: Any) -> DTP:
    if settings.size > 5:
        raise ValueError("too large")
    return DTP()


RECORDS: dict[str, tuple[Record, set[str]]] = {
    "settings that change": (
        TargetRule(name="broken", summary="a rule", build=lambda settings: DTP(), config=Slippery),
        {"config_round_trip"},
    ),
    "no such check": (
        TargetRule(name="broken", summary="a rule", build=DTP, expected_failures={"nul": "misspelt"}),
        {"valid"},
    ),
    "smallest cannot be built": (
        LossFunction(
            name="broken",
            summary="a loss",
            build=lambda settings, spec: with_settings(settings) and MeanSquaredError(),
            config=Fine,
            smallest={"size": 9.0},
        ),
        {"builds_from_smallest", "gradient", "minimiser", "correct", "loss_is_capturable"},
    ),
    "no such module": (
        LossFunction(name="broken", summary="a loss", build="tpzoo.nowhere:Loss"),
        {"builds_from_defaults", "builds_from_smallest", "gradient", "minimiser", "correct", "loss_is_capturable"},
    ),
    "passes what it should fail": (
        TargetRule(name="broken", summary="a rule", build=DTP, expected_failures={"null": "it does not"}),
        {"null"},
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_all_records_share(name: str, device: str) -> None:
    record, expected = RECORDS[name]
    assert failed(record, device) == expected


class MovesEverything(torch.optim.SGD):
    def step(self, closure: Any = None) -> None:
        super().step()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(0.99)


class Climbs(torch.optim.SGD):
    def __init__(self, groups: Any) -> None:
        super().__init__(groups, maximize=True)


class CountsInPython(torch.optim.SGD):
    steps = 0

    def step(self, closure: Any = None) -> None:
        self.steps += 1
        for group in self.param_groups:
            group["lr"] = 0.1 / self.steps
        super().step()


OPTIMIZERS: dict[type[torch.optim.SGD], set[str]] = {
    torch.optim.SGD: set(),
    MovesEverything: {"steps_what_has_a_gradient"},
    Climbs: {"steps_what_has_a_gradient"},
    CountsInPython: {"state_round_trip"},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer: Any, device: str) -> None:
    record = Optimizer(
        name="broken",
        summary="an optimiser",
        build=lambda settings, groups: optimizer([{"params": each["params"], "lr": each["lr"]} for each in groups]),
        config=OptimizerSettings,
    )
    assert failed(record, device) == OPTIMIZERS[optimizer]


class Rises(torch.optim.lr_scheduler.LambdaLR):
    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, lambda epoch: 1 + epoch)


class Forgets(torch.optim.lr_scheduler.StepLR):
    """Counts from where it was built: halves the rate at every second step."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, 3)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads nothing."""


@pytest.mark.parametrize(("schedule", "expected"), [(Rises, "rates_stay_rates"), (Forgets, "schedule_round_trip")])
def test_schedules(schedule: Any, expected: str, device: str) -> None:
    build = lambda settings, optimizer, epochs: schedule(optimizer)  # noqa: E731
    record = Schedule(name="broken", summary="a schedule", build=build, config=ScheduleSettings)
    assert failed(record, device) == {expected}
