"""Types and limits: what each setting accepts, and what is said about the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.config_kit import Load, Problems
from tests.support.toy_zoo import Conv
from tpzoo import PerName, PluginError, TargetRule, per_block
from tpzoo.config import Experiment, settings_from, settings_table, to_plain
from tpzoo.plugin.catalogue import Catalogue

ACCEPTED: list[tuple[str, str, Any]] = [
    ("epochs=3", "epochs", 3),
    ("name=2024", "name", "2024"),
    ("name=no", "name", "no"),
    ("name=08", "name", "08"),
    ("data.root=12:30", "data.settings.root", "12:30"),
    ("data.root=null", "data.settings.root", None),
    ("data.root=/a b/#c", "data.settings.root", "/a b/#c"),
    ("data.root='null'", "data.settings.root", "null"),
    ("rule.high=3", "rule.settings.high", 3.0),
    ("rule.high=1e3", "rule.settings.high", 1000.0),
    ("rule.high=.inf", "rule.settings.high", float("inf")),
    ("rule.limit=1e-3", "rule.settings.limit", 1e-3),
    ("rule.label=a: b", "rule.settings.label", "a: b"),
    ("architecture.hidden=[5, 6]", "architecture.settings.hidden", [5, 6]),
    ("optimizer.forward.betas=[0, 0.5]", "optimizer.forward.settings.betas", (0.0, 0.5)),
    ("optimizer.forward.train=fc1", "optimizer.forward.settings.train", "fc1"),
    ("optimizer.forward.train=[fc1, 08]", "optimizer.forward.settings.train", ("fc1", "08")),
    ("optimizer.forward.clip=1", "optimizer.forward.settings.clip", 1.0),
    ("optimizer.forward.lr=1", "optimizer.forward.settings.lr.value", 1.0),
    ("optimizer.forward.lr=[1, 2e-3]", "optimizer.forward.settings.lr.value", (1.0, 2e-3)),
    ("optimizer.forward.lr={'*': 1, fc1: 2}", "optimizer.forward.settings.lr.value", {"*": 1.0, "fc1": 2.0}),
    ("feedback_training.iterations=[20, 30]", "feedback_training.iterations.value", (20, 30)),
    ("device=cuda:1", "device", "cuda:1"),
]


@pytest.mark.parametrize(("override", "place", "expected"), ACCEPTED)
def test_accepted(load_text: Load, override: str, place: str, expected: Any) -> None:
    value: Any = load_text("", override).experiment
    for attribute in place.split("."):
        value = getattr(value, attribute)
    assert value == expected
    assert type(value) is type(expected)


REFUSED = [
    ("epochs=abc", "expected a whole number, got 'abc'."),
    ("epochs=1.5", "expected a whole number, got 1.5."),
    ("epochs=1e2", "expected a whole number, got 1e2."),
    ("epochs='3'", "expected a whole number, got '3'."),
    ("epochs=true", "expected a whole number, got true."),
    ("epochs=", "expected a whole number, got nothing."),
    ("epochs=null", "expected a whole number, got null."),
    ("epochs=[3]", "expected a whole number, got a list of 1."),
    ("epochs={a: 3}", "expected a whole number, got a mapping."),
    ("epochs=-1", "must be at least 0, got -1"),
    ("epochs=99999999999999999999", "is too large"),
    ("seed=" + "9" * 5000, "expected a whole number, got"),
    ("name=a/b", "'a/b' is not allowed here"),
    ("name=..", "'..' is not allowed here"),
    ("checkpoint.keep_best=on", "expected true or false, got 'on'."),
    ("checkpoint.keep_best=1", "expected true or false, got 1."),
    ("rule.high=nan", "expected a number, got 'nan'."),
    ("rule.high=.nan", "is not a number (nan)"),
    ("rule.high=true", "expected a number, got true."),
    ("rule.high=12:30", "expected a number, got '12:30'."),
    ("rule.low=5", "low (5.0) is above high (1.0) (swap them)"),
    ("output.step_size=0", "must be above 0, got 0.0"),
    ("architecture.hidden=[5, 0]", "must be at least 1, got 0"),
    ("architecture.hidden=[5, x]", "architecture.hidden=[5, x]: expected a whole number, got 'x'."),
    ("architecture.hidden=5", "expected a list of whole numbers, got 5."),
    ("architecture.activation=tahn", "must be one of tanh, relu, elu, got 'tahn'. Did you mean 'tanh'?"),
    ("architecture.dropout={fc1: 1}", "must be below 1, got 1.0"),
    ("optimizer.forward.betas=[0.5]", "expected a list of 2 numbers, got a list of 1."),
    ("optimizer.forward.betas=[0.5, 1]", "must be below 1, got 1.0"),
    ("optimizer.forward.lr=x", "expected a number, a list of them, or {pattern: value}, got 'x'."),
    ("optimizer.forward.lr={fc1: x}", "expected a number, got 'x'."),
    ("optimizer.forward.lr=[1, -1]", "must be at least 0, got -1.0"),
    ("optimizer.forward=", "expected one optimizer by name"),
    ("optimizer=adam", "expected a mapping with any of forward, feedback"),
    ("probes=3", "expected a mapping from probe to its settings"),
    ("rule=[a]", "expected one rule by name"),
    ("device=gpu", "'gpu' is not allowed here: auto, cpu, cuda or cuda:N"),
    ("precision=fp16", "must be one of float32, float64, tf32, got 'fp16'."),
    ("feedback_training.order=target_first", "Did you mean 'targets_first'?"),
]


@pytest.mark.parametrize(("override", "message"), REFUSED)
def test_refused(problems: Problems, override: str, message: str) -> None:
    lines = problems("", override)
    assert message in lines[0]
    assert lines[-1] == "1 problem; nothing was run."


def test_a_per_block_value_replaces_the_weaker_one_whole(load_text: Load) -> None:
    text = "optimizer: {forward: {lr: {'*': 1, fc1: 2}}}"
    assert load_text(text, "optimizer.forward.lr={fc2: 3}").experiment.optimizer.forward.settings.lr.value == {
        "fc2": 3.0
    }
    overrides = ("optimizer.forward.lr.*=1", "optimizer.forward.lr.fc1=4")
    assert load_text(text, *overrides).experiment.optimizer.forward.settings.lr.value == {"*": 1.0, "fc1": 4.0}


def test_whole_and_parts_at_once_are_refused(problems: Problems) -> None:
    assert "both as a whole and in parts" in problems("", "architecture.dropout=0.5", "architecture.dropout.fc1=0.1")[0]


def test_lists_of_settings(load_text: Load, problems: Problems) -> None:
    text = "architecture: {name: cnn, layers: [{channels: 4}, {kernel: [5, 5], pool: max}]}"
    assert load_text(text).experiment.architecture.settings.layers == (Conv(4), Conv(8, (5, 5), "max"))
    text = "architecture:\n  name: cnn\n  layers:\n  - {chanels: 4}\n  - {channels: 0, pool: mx}\n  - 3\n"
    assert problems(text) == [
        "exp.yaml:4   architecture.layers[0].chanels: unknown key. Did you mean 'channels'?",
        "exp.yaml:5   architecture.layers[1].channels: must be at least 1, got 0",
        "exp.yaml:5   architecture.layers[1].pool: expected one of max, average or null, got 'mx'.",
        "exp.yaml:6   architecture.layers[2]: expected a mapping, got 3.",
        "4 problems; nothing was run.",
    ]


class Shade(Enum):
    DARK = 1
    LIGHT = 2


@dataclass(frozen=True)
class Exotic:
    shade: Shade = Shade.DARK
    path: Path = Path("a")
    inner: Conv = field(default_factory=Conv)
    maybe: Conv | None = None
    table: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sizes: Sequence[float] = (1.0,)
    choice: Literal["a", "b"] = "a"
    either: bool | float | str = True
    anything: PerName = per_block(None)  # type: ignore[type-arg]
    half: float = per_block(0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"shade": "LIGHT"}, Exotic(shade=Shade.LIGHT)),
        ({"path": "b/c"}, Exotic(path=Path("b/c"))),
        ({"inner": {"channels": 2}}, Exotic(inner=Conv(2))),
        ({"maybe": {"channels": 2}}, Exotic(maybe=Conv(2))),
        ({"maybe": None}, Exotic()),
        ({"table": {"x": [1, 2]}}, Exotic(table={"x": (1, 2)})),
        ({"sizes": [1, 2.5]}, Exotic(sizes=(1.0, 2.5))),
        ({"choice": "b"}, Exotic(choice="b")),
        ({"either": 1}, Exotic(either=1.0)),
        ({"either": "x"}, Exotic(either="x")),
        ({"anything": {"fc1": [1, "x"]}}, Exotic(anything=PerName({"fc1": [1, "x"]}))),
        ({"half": [1, 2]}, Exotic(half=PerName((1.0, 2.0)))),
        ({"either": False}, Exotic(either=False)),
    ],
)
def test_further_types(catalogue: Catalogue, values: dict[str, Any], expected: Exotic) -> None:
    record = TargetRule(name="exotic", summary="s", build=print, config=Exotic)
    assert settings_from(record, values, catalogue) == expected
    assert settings_from(record, to_plain(expected), catalogue) == expected


def test_an_annotation_that_a_config_cannot_hold_is_the_plugins_error(catalogue: Catalogue) -> None:
    settings = make_dataclass("Odd", [("call", Callable[[], int], field(default=int))], frozen=True)
    record = TargetRule(name="odd", summary="s", build=print, config=settings)
    with pytest.raises(PluginError, match="which a config cannot hold"):
        settings_from(record, {"call": "int"}, catalogue)


def test_settings_as_text(catalogue: Catalogue) -> None:
    rows = {row.name: row for row in settings_table(catalogue.find("optimizer", "adam").record)}
    lr, schedule = rows["lr"], rows["schedule"]
    assert (lr.type, lr.default, lr.limits) == ("a number, a list of them, or {pattern: value}", 1e-3, "at least 0")
    assert (schedule.type, schedule.default) == ("one schedule", "constant")
    assert {row.name: row.limits for row in settings_table(Experiment)}["feedback_training.order"].startswith("one of ")
    assert [row.name for row in settings_table(catalogue.find("rule", "bp").record)] == ["update"]


def test_free_options_keep_their_yaml_types(load_text: Load) -> None:
    text = "architecture: {name: cnn, options: {a: [1, {b: null}], c: on, d: 1e-3, e: true}}"
    assert load_text(text).experiment.architecture.settings.options == {
        "a": [1, {"b": None}], "c": "on", "d": 1e-3, "e": True,
    }  # fmt: skip


def test_everything_is_frozen_and_plain(load_text: Load) -> None:
    experiment = load_text("probes: {bp_angle: {}}").experiment
    todo: list[Any] = [experiment]
    while todo:
        value = todo.pop()
        assert "omegaconf" not in type(value).__module__
        if dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
            todo += [getattr(value, field.name) for field in dataclasses.fields(value)]
        elif isinstance(value, dict | list | tuple):
            todo += [*value.values()] if isinstance(value, dict) else [*value]
