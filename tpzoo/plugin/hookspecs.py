"""The hooks: what a plugin may implement. Each yields records of one kind; none takes an argument.

A plugin is any module (or object) with functions of these names, marked with ``hookimpl``. All hooks collect: every
plugin may implement every hook, and nothing that one plugin yields can change another's.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from tpzoo.plugin import records

PROJECT = "tpzoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tpzoo_architectures() -> Iterable[records.Architecture]:
    """Yield architectures: what maps the input to the output, cut into blocks.

    ::

        from dataclasses import dataclass

        from tpzoo import Architecture, hookimpl, setting

        @dataclass(frozen=True)
        class WideSettings:
            width: int = setting(1024, minimum=1, help="units of the hidden layer")

        @hookimpl
        def tpzoo_architectures():
            yield Architecture(
                name="wide",
                summary="one very wide hidden layer",
                config=WideSettings,
                build="my_package.wide:build_wide",  # build_wide(settings, spec: DataSpec) -> Network
            )
    """
    return ()


@hookspec
def tpzoo_feedback_paths() -> Iterable[records.FeedbackPath]:
    """Yield feedback paths: which edges carry information down.

    ::

        from dataclasses import dataclass

        from tpzoo import Component, FeedbackPath, component, hookimpl

        @dataclass(frozen=True)
        class SkipSettings:
            map: Component = component("map", "linear", help="what sits on every edge")

        @hookimpl
        def tpzoo_feedback_paths():
            yield FeedbackPath(
                name="skip_one",
                summary="from every second block to the block below it",
                config=SkipSettings,
                build="my_package.skip:build_skip",  # build_skip(settings, network, connect) -> Feedback
            )
    """
    return ()


@hookspec
def tpzoo_feedback_maps() -> Iterable[records.MapForm]:
    """Yield map forms: what can sit on an edge.

    ::

        from dataclasses import dataclass

        from tpzoo import MapForm, hookimpl, setting

        @dataclass(frozen=True)
        class NarrowSettings:
            rank: int = setting(8, minimum=1, help="rank of the matrix")

        @hookimpl
        def tpzoo_feedback_maps():
            yield MapForm(
                name="narrow",
                summary="a linear map of low rank",
                config=NarrowSettings,
                build="my_package.narrow:Narrow",  # Narrow(settings, ends: Ends), a FeedbackMap
                provides=("linear_tail",),
            )
    """
    return ()


@hookspec
def tpzoo_twins() -> Iterable[records.Twin]:
    """Yield twins: how the map ``mirror`` inverts one type of module.

    ::

        from tpzoo import Twin, hookimpl

        @hookimpl
        def tpzoo_twins():
            yield Twin(
                name="Hardswish",
                summary="passes displacements through with the slope at the activation",
                module="torch.nn:Hardswish",
                build="my_package.twins:HardswishTwin",  # HardswishTwin(layer, ends: TwinEnds), a TwinLayer
                examples="my_package.twins:examples",  # examples() returns [(nn.Hardswish(), (3, 7, 7))]
            )
    """
    return ()


@hookspec
def tpzoo_learners() -> Iterable[records.FeedbackLearner]:
    """Yield feedback learners: how the maps get their weights.

    ::

        from dataclasses import dataclass

        from tpzoo import FeedbackLearner, hookimpl, setting

        @dataclass(frozen=True)
        class DenoisingSettings:
            sigma: float = setting(0.1, above=0, help="standard deviation of the noise")

        @hookimpl
        def tpzoo_learners():
            yield FeedbackLearner(
                name="denoising",
                summary="each map learns to undo noise",
                config=DenoisingSettings,
                build="my_package.denoising:Denoising",  # Denoising(settings), a Learner
                provides=("trained_feedback",),
            )
    """
    return ()


@hookspec
def tpzoo_outputs() -> Iterable[records.OutputTarget]:
    """Yield output targets: how the loss becomes the displacement of the output.

    ::

        from dataclasses import dataclass

        from tpzoo import OutputTarget, hookimpl, setting

        @dataclass(frozen=True)
        class SignSettings:
            step_size: float = setting(0.01, above=0, help="length of the step in every output unit")

        @hookimpl
        def tpzoo_outputs():
            yield OutputTarget(
                name="sign",
                summary="a step of fixed length against the sign of the gradient",
                config=SignSettings,
                build="my_package.sign:Sign",  # Sign(settings), an Output
            )
    """
    return ()


@hookspec
def tpzoo_losses() -> Iterable[records.LossFunction]:
    """Yield losses: what is minimised.

    ::

        from tpzoo import LossFunction, hookimpl

        @hookimpl
        def tpzoo_losses():
            yield LossFunction(
                name="huber",
                summary="squared error with linear tails",
                build="my_package.huber:build_huber",  # build_huber(settings, spec: DataSpec) -> Loss
            )
    """
    return ()


@hookspec
def tpzoo_target_rules() -> Iterable[records.TargetRule]:
    """Yield target rules: how the output displacement becomes a target for every block, and a target an update.

    ::

        from dataclasses import dataclass

        from tpzoo import RuleSettings, TargetRule, hookimpl, setting

        @dataclass(frozen=True)
        class HalfwaySettings(RuleSettings):
            fraction: float = setting(0.5, above=0, maximum=1, help="how far towards the target of dtp")

        @hookimpl
        def tpzoo_target_rules():
            yield TargetRule(
                name="halfway",
                summary="difference target propagation with shorter steps",
                config=HalfwaySettings,
                build="my_package.halfway:Halfway",  # Halfway(settings), a Rule
            )
    """
    return ()


@hookspec
def tpzoo_updates() -> Iterable[records.WeightUpdate]:
    """Yield updates: how a displacement becomes a change of the weights. The config selects one at ``rule.update``.

    ::

        from dataclasses import dataclass

        from tpzoo import WeightUpdate, hookimpl, setting

        @dataclass(frozen=True)
        class SignSettings:
            size: float = setting(1e-3, above=0, help="what every weight moves by, before the learning rate")

        @hookimpl
        def tpzoo_updates():
            yield WeightUpdate(
                name="sign",
                summary="the sign of the gradient, times a size",
                config=SignSettings,
                build="my_package.sign:Sign",  # Sign(settings), an Update
            )
    """
    return ()


@hookspec
def tpzoo_datasets() -> Iterable[records.DataSet]:
    """Yield data sets. Their settings inherit from ``DataSettings``.

    ::

        from dataclasses import dataclass

        from tpzoo import DataSet, DataSettings, hookimpl, setting

        @dataclass(frozen=True)
        class SpiralSettings(DataSettings):
            turns: float = setting(2.0, above=0, help="turns of each arm")

        @hookimpl
        def tpzoo_datasets():
            yield DataSet(
                name="spiral",
                summary="two interleaved spirals",
                config=SpiralSettings,
                build="my_package.spiral:build_spiral",  # build_spiral(settings) -> Data
            )
    """
    return ()


@hookspec
def tpzoo_probes() -> Iterable[records.MetricProbe]:
    """Yield probes: measurements during training. Their settings inherit from ``ProbeSettings``.

    ::

        from tpzoo import MetricProbe, hookimpl

        @hookimpl
        def tpzoo_probes():
            yield MetricProbe(
                name="weight_norm",
                summary="norm of the weights of every block",
                build="my_package.weight_norm:WeightNorm",  # WeightNorm(settings), a Probe
            )
    """
    return ()


@hookspec
def tpzoo_loggers() -> Iterable[records.RunLogger]:
    """Yield loggers: where the metrics of a run go.

    ::

        from tpzoo import RunLogger, hookimpl

        @hookimpl
        def tpzoo_loggers():
            yield RunLogger(
                name="jsonl",
                summary="one JSON object for each measurement",
                build="my_package.jsonl:JsonLines",  # JsonLines(settings, folder), a Logger
            )
    """
    return ()


@hookspec
def tpzoo_optimizers() -> Iterable[records.Optimizer]:
    """Yield optimisers. Their settings inherit from ``OptimizerSettings``.

    ::

        from dataclasses import dataclass

        from tpzoo import Optimizer, OptimizerSettings, hookimpl, setting

        @dataclass(frozen=True)
        class AdagradSettings(OptimizerSettings):
            lr_decay: float = setting(0.0, minimum=0, help="decay of the learning rate with the steps")

        @hookimpl
        def tpzoo_optimizers():
            yield Optimizer(
                name="adagrad",
                summary="torch.optim.Adagrad",
                config=AdagradSettings,
                build="my_package.optimizers:adagrad",  # adagrad(settings, groups) -> torch.optim.Optimizer
            )
    """
    return ()


@hookspec
def tpzoo_schedules() -> Iterable[records.Schedule]:
    """Yield learning-rate schedules. Their settings inherit from ``ScheduleSettings``.

    ::

        from dataclasses import dataclass

        from tpzoo import Schedule, ScheduleSettings, hookimpl, setting

        @dataclass(frozen=True)
        class ExponentialSettings(ScheduleSettings):
            factor: float = setting(0.9, above=0, maximum=1, help="what the rate is multiplied by in each epoch")

        @hookimpl
        def tpzoo_schedules():
            yield Schedule(
                name="exponential",
                summary="the rate falls by a constant factor in every epoch",
                config=ExponentialSettings,
                build="my_package.schedules:exponential",  # exponential(settings, optimizer, epochs)
            )
    """
    return ()


@hookspec
def tpzoo_recipes() -> Iterable[records.Recipe]:
    """Yield recipes: published methods as config files.

    ::

        from pathlib import Path

        from tpzoo import Paper, Recipe, hookimpl

        @hookimpl
        def tpzoo_recipes():
            yield Recipe(
                name="my_paper/mnist",
                summary="the main result, on MNIST",
                path=str(Path(__file__).parent / "mnist.yaml"),
                paper=Paper("Half-way targets", "A. Author", 2026),
            )
    """
    return ()


HOOKS: dict[str, type[records.Record]] = {
    "tpzoo_architectures": records.Architecture,
    "tpzoo_feedback_paths": records.FeedbackPath,
    "tpzoo_feedback_maps": records.MapForm,
    "tpzoo_twins": records.Twin,
    "tpzoo_learners": records.FeedbackLearner,
    "tpzoo_outputs": records.OutputTarget,
    "tpzoo_losses": records.LossFunction,
    "tpzoo_target_rules": records.TargetRule,
    "tpzoo_updates": records.WeightUpdate,
    "tpzoo_datasets": records.DataSet,
    "tpzoo_probes": records.MetricProbe,
    "tpzoo_loggers": records.RunLogger,
    "tpzoo_optimizers": records.Optimizer,
    "tpzoo_schedules": records.Schedule,
    "tpzoo_recipes": records.Recipe,
}
"""Every hook, and the kind of record it yields."""
