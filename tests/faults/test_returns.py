"""What rules, updates, maps, learners, losses, output targets and probes return is checked on the first batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.runs import catalogue, run, toy, write_toy_data
from tpzoo import LossLearner, PluginError
from tpzoo.config import LoadedConfig
from tpzoo.engine import Engine
from tpzoo.engine.returns import Returns
from tpzoo.runner.build import build
from tpzoo.zoo.feedback.dense import DenseMap
from tpzoo.zoo.learners.reconstruction import Reconstruction
from tpzoo.zoo.learners.ridge import Ridge
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.outputs.gradient import Gradient as GradientOutput
from tpzoo.zoo.probes.bp_angle import BackpropAngle as BpAngle
from tpzoo.zoo.rules.bp import BP
from tpzoo.zoo.rules.dtp import DTP
from tpzoo.zoo.updates.gradient import Gradient as GradientUpdate

METHOD = ("feedback=layerwise", "feedback.map=dense", "learner=reconstruction", "rule=dtp", "probes.bp_angle.every=1")
Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def of_one(change: Change) -> Change:
    """Change one value of a mapping."""
    return lambda found: {**found, next(iter(found)): change(next(iter(found.values())))}


def of_first(change: Change) -> Change:
    """Change the first of a list of mappings."""
    return lambda found: [change(found[0]), *found[1:]]


def kept_graph(value: Tensor) -> Tensor:
    with torch.enable_grad():
        return value.detach().requires_grad_() * 1


WRONG: dict[str, tuple[Change, str]] = {
    "shape": (lambda value: value[..., :1], "a tensor of shape"),
    "more rows": (lambda value: torch.cat([value, value]), "a tensor of shape"),
    "dtype": (lambda value: value.double(), "float64"),
    "nothing": (lambda value: None, "nothing (None)"),
    "number": (lambda value: 3.0, "an object of type float"),
    "graph": (kept_graph, "keeps its graph"),
}
WITHOUT_GRAPH = {name: each for name, each in WRONG.items() if name != "graph"}
MAPPINGS: dict[str, tuple[Change, str]] = {
    **{f"one of another {name}": (of_one(change), said) for name, (change, said) in WRONG.items()},
    "an unknown name": (lambda found: {**found, "nowhere": next(iter(found.values()))}, "'nowhere'"),
    "no mapping": (list, "an object of type list"),
    "None": (lambda found: None, "nothing (None)"),
}


def refused(loaded: LoadedConfig, owner: type, method: str, change: Change, folder: Path) -> str:
    """What is said of a run in which a method returns something else than it should."""
    plain = getattr(owner, method)

    def changed(self: Any, *arguments: Any, **named: Any) -> Any:
        return change(plain(self, *arguments, **named))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, method, changed)
        with pytest.raises(PluginError) as caught:
            run(loaded, folder)
    return caught.value.what


@pytest.mark.parametrize("wrong", [*MAPPINGS, "none at all"])
def test_displacements(wrong: str, data: Path, tmp_path: Path) -> None:
    change, said = {**MAPPINGS, "none at all": (lambda found: {}, "none")}[wrong]
    what = refused(toy(data, *METHOD), DTP, "displacements", change, tmp_path / "run")
    assert what.startswith("rule 'tpzoo/dtp'")
    assert said in what
    assert "expected" in what


@pytest.mark.parametrize("wrong", MAPPINGS)
def test_forward_gradients(wrong: str, data: Path, tmp_path: Path) -> None:
    change, said = MAPPINGS[wrong]
    what = refused(toy(data, *METHOD), GradientUpdate, "gradients", change, tmp_path / "run")
    assert "context.step('forward')" in what
    assert said in what


@pytest.mark.parametrize("wrong", [*MAPPINGS, "too few", "no list"])
def test_gradients_of_a_learner(wrong: str, data: Path, tmp_path: Path) -> None:
    more = {"too few": (lambda found: found[:-1], "1"), "no list": (lambda found: None, "nothing (None)")}
    changes = {**{name: (of_first(change), said) for name, (change, said) in MAPPINGS.items()}, **more}
    change, said = changes[wrong]
    what = refused(toy(data, *METHOD), Reconstruction, "gradients", change, tmp_path / "run")
    assert what.startswith("learner 'tpzoo/reconstruction'")
    assert said in what


def test_noise_and_loss_of_a_learner(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = toy(data, *METHOD)
    noise = refused(loaded, Reconstruction, "noise", lambda found: found[0], tmp_path / "noise")
    assert "the noise of edge" in noise
    monkeypatch.setattr(Reconstruction, "gradients", LossLearner.gradients)
    for number, bad in enumerate((None, 3.0, torch.zeros(2), torch.zeros((), dtype=torch.int64))):
        what = refused(loaded, Reconstruction, "loss", lambda found, bad=bad: bad, tmp_path / f"loss-{number}")
        assert "expected a floating point scalar" in what


@pytest.mark.parametrize("wrong", MAPPINGS)
def test_solutions_of_a_learner(wrong: str, data: Path, tmp_path: Path) -> None:
    change, said = MAPPINGS[wrong]
    loaded = toy(data, "feedback=direct", "feedback.map=linear", "learner=ridge", "rule=dtp")
    what = refused(loaded, Ridge, "solve", change, tmp_path / "run")
    assert what.startswith("learner 'tpzoo/ridge', solve")
    assert said in what


@pytest.mark.parametrize("wrong", WITHOUT_GRAPH)
def test_maps(wrong: str, data: Path, tmp_path: Path) -> None:
    change, said = WITHOUT_GRAPH[wrong]
    for number, method in enumerate(("forward", "difference")):
        what = refused(toy(data, *METHOD), DenseMap, method, change, tmp_path / str(number))
        assert what.startswith("map 'tpzoo/dense' of edge 'fc")
        assert said in what


@pytest.mark.parametrize("wrong", WITHOUT_GRAPH)
def test_losses_and_output_targets(wrong: str, data: Path, tmp_path: Path) -> None:
    change, said = WITHOUT_GRAPH[wrong]
    what = refused(toy(data, *METHOD), GradientOutput, "displacement", change, tmp_path / "output")
    assert said in what
    if wrong != "shape":  # of a vector (batch,) nothing is left to cut
        assert said in refused(toy(data, "rule=bp"), CrossEntropy, "per_sample", change, tmp_path / "loss")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "probe 'bp_angle' returned an object of type NoneType"),
        ([1.0], "probe 'bp_angle' returned an object of type list"),
        ({"fc1": torch.zeros(2)}, "returned a value of shape (2,) for 'fc1'"),
        ({"fc1": None}, "returned a value of type NoneType for 'fc1'"),
    ],
)
def test_probes(bad: Any, said: str, data: Path, tmp_path: Path) -> None:
    assert said in refused(toy(data, *METHOD), BpAngle, "measure", lambda found: bad, tmp_path / "run")


def test_a_rule_that_does_nothing(data: Path, tmp_path: Path) -> None:
    for number, (step, said) in enumerate([
        (lambda self, context: None, "rule 'tpzoo/bp' made no training pass"),
        (lambda self, context: context.trace() and None, "moved no forward weight in a step"),
    ]):  # fmt: skip
        with pytest.MonkeyPatch.context() as patch, pytest.raises(PluginError, match=said):
            patch.setattr(BP, "train_step", step)
            run(toy(data, "rule=bp"), tmp_path / str(number))


def test_each_new_shape_is_checked_and_nothing_else(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"checks": 0, "steps": 0}
    plain, step = Returns.displacements, Engine.train_batch

    def counted(self: Returns, *arguments: Any) -> None:
        counts["checks"] += 1
        plain(self, *arguments)

    def stepped(self: Engine, *arguments: Any, **named: Any) -> Tensor:
        counts["steps"] += 1
        return step(self, *arguments, **named)

    monkeypatch.setattr(Returns, "displacements", counted)
    monkeypatch.setattr(Engine, "train_batch", stepped)
    made = build(toy(data, *METHOD).experiment, catalogue())
    x, y = made.data.prepare(made.data.train.x, torch.float32), made.data.train.y
    for size in (16, 16, 12, 16, 12, 16):
        made.engine.train_batch(x[:size], y[:size])
    assert counts == {"checks": 2, "steps": 6}
    assert not any(edge.map._forward_hooks for edge in made.engine.feedback.edges)
    assert made.engine.feedback.sent is None
