"""A small zoo without torch: at least one component of every kind, with settings of every type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tpzoo import (
    Architecture,
    Component,
    DataSet,
    DataSettings,
    FeedbackLearner,
    FeedbackPath,
    LossFunction,
    MapForm,
    MetricProbe,
    OutputTarget,
    PerName,
    ProbeSettings,
    RuleSettings,
    RunLogger,
    SettingError,
    TargetRule,
    WeightUpdate,
    component,
    hookimpl,
    per_block,
    per_edge,
    setting,
)
from tpzoo.runner.plugin import tpzoo_optimizers, tpzoo_schedules

__all__ = ["tpzoo_optimizers", "tpzoo_schedules"]


def nothing(*arguments: object) -> None:
    """Builds nothing."""


@dataclass(frozen=True)
class ImageSettings(DataSettings):
    size: int = setting(28, minimum=1)
    normalise: bool = setting(True)


@dataclass(frozen=True)
class MLPSettings:
    hidden: list[int] = setting([64, 32], minimum=1)
    activation: str = setting("tanh", choices=("tanh", "relu", "elu"))
    dropout: PerName[float] = per_block(0.0, minimum=0, below=1)


@dataclass(frozen=True)
class Conv:
    channels: int = setting(8, minimum=1)
    kernel: tuple[int, int] = setting((3, 3), minimum=1)
    pool: Literal["max", "average"] | None = None


@dataclass(frozen=True)
class CNNSettings:
    layers: tuple[Conv, ...] = setting((Conv(), Conv(16)))
    options: dict[str, Any] = setting({})


@dataclass(frozen=True)
class StepSettings:
    step_size: float = setting(0.1, above=0)


@dataclass(frozen=True)
class LayerwiseSettings:
    map: Component = component("map", "dense")


@dataclass(frozen=True)
class DirectSettings:
    map: Component = component("map", "linear")


@dataclass(frozen=True)
class DenseSettings:
    activation: str = "tanh"


@dataclass(frozen=True)
class WidthSettings:
    width: int = setting(1024, minimum=1)


@dataclass(frozen=True)
class NoiseSettings:
    sigma: PerName[float] = per_edge(0.1, above=0)


@dataclass(frozen=True)
class DtpSettings(RuleSettings):
    low: float = 0.0
    high: float = 1.0
    label: str = "a"
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise SettingError(f"low ({self.low}) is above high ({self.high})", "swap them")


@dataclass(frozen=True)
class AngleSettings(ProbeSettings):
    batches: int = setting(1, minimum=1)


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    yield Architecture(
        name="mlp",
        summary="dense",
        config=MLPSettings,
        build=nothing,
        provides=("pre_activation",),
        smallest={"hidden": [3]},
    )
    yield Architecture(name="cnn", summary="convolutions", config=CNNSettings, build=nothing)


@hookimpl
def tpzoo_feedback_paths() -> Iterator[FeedbackPath]:
    yield FeedbackPath(name="layerwise", summary="layer by layer", config=LayerwiseSettings, build=nothing)
    yield FeedbackPath(name="direct", summary="from the output", config=DirectSettings, build=nothing)
    yield FeedbackPath(name="none", summary="none", build=nothing)


@hookimpl
def tpzoo_feedback_maps() -> Iterator[MapForm]:
    yield MapForm(name="dense", summary="dense", config=DenseSettings, build=nothing)
    yield MapForm(name="linear", summary="linear", build=nothing, provides=("linear_tail",))
    yield MapForm(name="random_hidden", summary="hidden", config=WidthSettings, build=nothing)


@hookimpl
def tpzoo_learners() -> Iterator[FeedbackLearner]:
    yield FeedbackLearner(name="reconstruction", summary="reconstruction", config=NoiseSettings, build=nothing)
    yield FeedbackLearner(name="drl", summary="difference", config=NoiseSettings, build=nothing)
    yield FeedbackLearner(name="exact", summary="exact", build=nothing, requires=("linear_tail",))
    yield FeedbackLearner(name="none", summary="none", build=nothing)


@hookimpl
def tpzoo_outputs() -> Iterator[OutputTarget]:
    yield OutputTarget(name="gradient", summary="gradient", config=StepSettings, build=nothing)
    yield OutputTarget(name="argmin", summary="argmin", build=nothing)


@hookimpl
def tpzoo_losses() -> Iterator[LossFunction]:
    yield LossFunction(name="auto", summary="from the task", build=nothing)
    yield LossFunction(name="no", summary="a name that YAML 1.1 reads as false", build=nothing)
    yield LossFunction(name="08", summary="a name that looks like a number", build=nothing)


@hookimpl
def tpzoo_target_rules() -> Iterator[TargetRule]:
    yield TargetRule(name="dtp", summary="difference", config=DtpSettings, build=nothing)
    yield TargetRule(name="tp", summary="plain", build=nothing)
    yield TargetRule(name="bp", summary="backprop", build=nothing, uses_feedback=False)
    yield TargetRule(name="loco", summary="loco", build=nothing, requires=("pre_activation",))


@hookimpl
def tpzoo_datasets() -> Iterator[DataSet]:
    yield DataSet(name="digits", summary="digits", build=nothing)
    yield DataSet(name="mnist", summary="mnist", config=ImageSettings, build=nothing)


@hookimpl
def tpzoo_probes() -> Iterator[MetricProbe]:
    yield MetricProbe(name="bp_angle", summary="angle", config=AngleSettings, build=nothing)
    yield MetricProbe(name="norms", summary="norms", build=nothing)


@hookimpl
def tpzoo_loggers() -> Iterator[RunLogger]:
    yield RunLogger(name="console", summary="console", build=nothing)
    yield RunLogger(name="csv", summary="csv", build=nothing)


@hookimpl
def tpzoo_updates() -> Iterator[WeightUpdate]:
    yield WeightUpdate(name="gradient", summary="the local gradient", build=nothing)
