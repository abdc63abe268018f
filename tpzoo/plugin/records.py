"""The records that plugins yield: one frozen, typed record for every entry of the zoo.

A record says what an entry is called, what it can be set to and how it is built. ``build`` is either a callable or the
string ``"package.module:name"``, imported when the entry is first built; the string keeps listing and config checking
free of torch. Every record may bring its own ``smallest`` settings, which the conformance kit uses.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from tpzoo.errors import SettingError
from tpzoo.plugin.headers import summary_of
from tpzoo.plugin.settings import Component, PerName, component, per_block, setting


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Paper:
    """Where an entry was published.

    Attributes:
        authors: separated by commas.
        venue: the conference or the journal; ``arXiv`` for a preprint.
        url: where it can be read; of an arXiv page the number is cited too.
        entry: BibTeX's word for it: ``inproceedings`` (of a conference), ``article`` (in a journal), ``techreport``,
            or ``misc``.
    """

    title: str
    authors: str
    year: int
    venue: str = ""
    url: str = ""
    entry: Literal["inproceedings", "article", "techreport", "misc"] = "misc"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What all records share.

    Attributes:
        name: what a config calls it.
        summary: one line.
        build: what makes it; see each kind for its arguments. A callable or ``"package.module:name"``.
        config: the frozen dataclass of its settings, or None if it has none.
        provides: capabilities that other components may require.
        requires: capabilities that some other chosen component must provide.
        smallest: settings that make the quickest instance that still shows everything; for tests.
        expected_failures: conformance check name -> why this entry cannot pass it.
        notices: ``kind name`` of another entry -> what is said where a config chooses both, as that it does not learn.
    """

    kind: ClassVar[str]
    shared: ClassVar[type | None] = None

    name: str
    summary: str
    build: Callable[..., Any] | str
    config: type | None = None
    paper: Paper | None = None
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    smallest: Mapping[str, Any] = field(default_factory=_nothing, hash=False)
    expected_failures: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    notices: Mapping[str, str] = field(default_factory=_nothing, hash=False)

    def describe(self) -> str:
        """One line that says what the entry is: its summary."""
        return self.summary

    def builder(self) -> Callable[..., Any]:
        """The callable behind ``build``, imported if it is given as a string."""
        found: Callable[..., Any] = imported(self.build)
        return found


def imported(given: Any) -> Any:
    """What a text ``"package.module:name"`` stands for; anything else as it is."""
    if not isinstance(given, str):
        return given
    module, _, attribute = given.partition(":")
    return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True, kw_only=True)
class Architecture(Record):
    """What maps the input to the output. ``build(settings, spec: DataSpec) -> Network``.

    The conformance kit gives one that requires ``images`` square ones of ``smallest_image`` pixels a side.
    """

    kind: ClassVar[str] = "architecture"
    smallest_image: int = 16


class FeedbackPath(Record):
    """Which edges carry information down. ``build(settings, network, connect: Connect) -> Feedback``.

    ``connect(name, source, target) -> Edge`` puts the map form that the config selects for the path's ``map`` setting
    on an edge.
    """

    kind = "feedback"


class MapForm(Record):
    """What sits on an edge. ``build(settings, ends: Ends) -> FeedbackMap``."""

    kind = "map"


@dataclass(frozen=True, kw_only=True)
class Twin(Record):
    """How the map ``mirror`` inverts one type of module. ``build(layer, ends: TwinEnds) -> TwinLayer``.

    ``name`` is the type, and ``module`` the type itself or its ``"package.module:Name"``. ``examples() -> [(layer,
    shape), ...]`` makes small layers of that type, each with the shape of one sample that it takes, for the conformance
    kit: odd sizes, strides, groups, whatever the twin has to tell apart. A callable or ``"package.module:name"``.
    """

    kind: ClassVar[str] = "twin"
    module: type | str
    examples: Callable[[], Iterable[tuple[Any, tuple[int, ...]]]] | str | None = None

    def example_layers(self) -> list[tuple[Any, tuple[int, ...]]]:
        """What ``examples`` makes, imported if it is given as a string; empty without it."""
        return [] if self.examples is None else list(imported(self.examples)())


class FeedbackLearner(Record):
    """How the maps get their weights. ``build(settings) -> Learner``."""

    kind = "learner"


class OutputTarget(Record):
    """How the loss becomes the displacement of the output. ``build(settings) -> Output``."""

    kind = "output"


class LossFunction(Record):
    """What is minimised. ``build(settings, spec: DataSpec) -> Loss``."""

    kind = "loss"


DEFAULT_UPDATE = "gradient"


@dataclass(frozen=True)
class RuleSettings:
    """What every rule can be set to."""

    update: Component = component(
        "update",
        DEFAULT_UPDATE,
        beside=("local_loss", "norm_ratio"),
        help="how a displacement becomes a change of the weights; local_loss and norm_ratio may also stand beside it",
    )


@dataclass(frozen=True, kw_only=True)
class TargetRule(Record):
    """How a training step goes, from the output's displacement on. ``build(settings) -> Rule``.

    Settings inherit from :class:`RuleSettings`. ``uses_feedback`` is False for a rule that needs no feedback path (bp):
    the config then selects ``none``. ``makes_displacements`` is False for one that gives the blocks none (bp): it
    ignores the output target, and refuses every update but ``gradient``.
    """

    kind: ClassVar[str] = "rule"
    shared: ClassVar[type | None] = RuleSettings
    uses_feedback: bool = True
    makes_displacements: bool = True


class WeightUpdate(Record):
    """How a displacement becomes a change of the weights. ``build(settings) -> Update``."""

    kind = "update"


@dataclass(frozen=True)
class DataSettings:
    """What every data set can be set to."""

    root: str | None = setting(
        None, help="folder that holds the files; default: the variable TPZOO_DATA, else the user's cache folder"
    )
    validation: int = setting(
        0, minimum=0, help="training examples held out for validation, drawn by `split_seed` from all alike"
    )
    stratified: bool = setting(False, help="hold out so that every class keeps its share, up to one example")
    split_seed: int = setting(0, minimum=0, help="seed of the validation split")
    download: bool = setting(False, help="fetch the files if they are missing")


class DataSet(Record):
    """Examples to learn from. ``build(settings) -> Data``; settings inherit from :class:`DataSettings`."""

    kind = "dataset"
    shared = DataSettings


@dataclass(frozen=True)
class ProbeSettings:
    """What every probe can be set to."""

    every: int = setting(100, minimum=1, help="measure on steps 1, N + 1, 2 N + 1, ... and on the last one")


class MetricProbe(Record):
    """A measurement during training. ``build(settings) -> Probe``; settings inherit from :class:`ProbeSettings`."""

    kind = "probe"
    shared = ProbeSettings


class RunLogger(Record):
    """Where the metrics of a run go. ``build(settings, folder: Path | None) -> Logger``."""

    kind = "logger"


@dataclass(frozen=True)
class ScheduleSettings:
    """What every schedule can be set to."""

    warmup_epochs: int = setting(
        0, minimum=0, help="epochs over which the rate first rises linearly to its full value; fewer than the run's"
    )
    warmup_start: float = setting(0.1, above=0, maximum=1, help="the fraction of the full rate that warm-up starts at")


class Schedule(Record):
    """How learning rates change. ``build(settings, optimizer, epochs: int)``, stepped once after every epoch.

    It returns an object with torch's scheduler interface (``step()``, ``state_dict()``, ``load_state_dict()``);
    settings inherit from :class:`ScheduleSettings`.
    """

    kind = "schedule"
    shared = ScheduleSettings


@dataclass(frozen=True)
class OptimizerSettings:
    """What every optimiser can be set to. Names are blocks (forward) or edges (feedback)."""

    lr: PerName[float] = per_block(
        1e-3,
        minimum=0,
        help="learning rate, as in W = W - lr g; 0: updates are computed, and measured, but nothing moves",
    )
    divide_by_step_size: bool = setting(
        False,
        help="forward only: the rate used is lr / output.step_size; no effect on a rule without targets, such as bp",
    )
    gradient_units: str = setting(
        "rule",
        choices=("rule", "backprop"),
        help="forward only: a block's gradient g as the rule makes it, or g / c, with c its ratio to backpropagation's"
        " where feedback is exact, so that lr, eps, weight_decay and clip mean what they mean for bp",
    )
    weight_decay: PerName[float] = per_block(
        0.0, minimum=0, help="wd in g + wd W (adamw: W - lr wd W), of all weights that are trained, or as decay says"
    )
    decay: str = setting(
        "all", choices=("all", "weights"), help="what decays: all, as published, or neither biases nor scales of norms"
    )
    train: str | tuple[str, ...] = setting(
        "*",
        help="which blocks or edges learn: a glob pattern or a list of them; the others keep their weights, while the"
        " running statistics of their norms go on moving",
    )
    clip: float | None = setting(
        None,
        above=0,
        help="largest norm of the gradients of all blocks (or edges) that one step moves, biases included, as one"
        " vector: g min(1, clip / |g|), of gradients in the units of gradient_units; null: none",
    )
    schedule: Component = component("schedule", "constant", help="how the learning rate changes over the epochs")

    def for_blocks(self, output: Component, rule: Record) -> OptimizerSettings:
        """These settings as the forward weights use them: with the rate lr / step_size where that is asked for.

        Meulemans et al. 2020 divide their forward rates by the step size of the output target.

        Args:
            output: the chosen output target.
            rule: the chosen rule.

        Raises:
            SettingError: the output target has no step size.
        """
        if not (self.divide_by_step_size and isinstance(rule, TargetRule) and rule.makes_displacements):
            return self
        step_size = getattr(output.settings, "step_size", None)
        if step_size is None:
            raise SettingError(
                f"optimizer.forward.divide_by_step_size: output '{output.name}' has no step_size",
                "select output=gradient, or give the rate itself",
            )
        return dataclasses.replace(self, lr=self.lr.map(lambda lr: lr / step_size))

    def for_edges(self) -> OptimizerSettings:
        """These settings as the feedback maps use them.

        Raises:
            SettingError: they ask for a rate divided by the step size, and no step size belongs to the maps.
        """
        if self.divide_by_step_size:
            raise SettingError("optimizer.feedback.divide_by_step_size: no step size belongs to the maps")
        if self.gradient_units != "rule":
            raise SettingError("optimizer.feedback.gradient_units: backpropagation has no gradient of the maps")
        return self


class Optimizer(Record):
    """What turns gradients into updates. ``build(settings, groups) -> torch.optim.Optimizer``.

    ``groups`` are torch parameter groups, one for all blocks or edges that have the same settings; ``name`` lists them,
    and every per-block setting of ``settings`` is already resolved. Settings inherit from :class:`OptimizerSettings`.
    """

    kind = "optimizer"
    shared = OptimizerSettings


@dataclass(frozen=True, kw_only=True)
class Recipe(Record):
    """A published method as a config file. ``build`` is not called; ``path`` is the YAML file.

    Without a ``summary`` the first sentence of the file's header says what it is.
    """

    kind: ClassVar[str] = "recipe"
    summary: str = ""
    build: Callable[..., Any] | str = ""
    path: str = ""

    def describe(self) -> str:
        """The summary, or the first sentence of the comment at the top of the file."""
        return self.summary or summary_of(Path(self.path)) or f"the recipe {self.name}"


KINDS: dict[str, type[Record]] = {
    record.kind: record
    for record in (
        Architecture,
        FeedbackPath,
        MapForm,
        Twin,
        FeedbackLearner,
        OutputTarget,
        LossFunction,
        TargetRule,
        WeightUpdate,
        DataSet,
        MetricProbe,
        RunLogger,
        Optimizer,
        Schedule,
        Recipe,
    )
}
