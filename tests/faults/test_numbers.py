"""Numbers that stop being finite: the block is named, and every checkpoint is from before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.runs import STEPS, catalogue, metrics, run, status, summary, toy, write_toy_data
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.step import Engine
from tpzoo.errors import RunError
from tpzoo.runner.build import build
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.diagnose import name_the_culprit

DTP = ("feedback=layerwise", "learner=reconstruction", "rule=dtp", "epochs=3")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def poison(which: str, member: str, step: int, value: float) -> Callable[..., None]:
    """``WeightStepper.step`` that spoils one weight of ``member`` after the given step of its group, counted from 1."""
    counts: dict[int, int] = {}
    plain = WeightStepper.step

    def stepped(self: WeightStepper, gradients: Any, names: Any = None) -> None:
        plain(self, gradients, names)
        mine = [name for name in self._parameters if name.startswith(f"{member}.")]
        forward = any(name.startswith("fc3.") for name in self._parameters)  # no edge reaches the output
        if mine and forward == (which == "forward"):
            counts[id(self)] = counts.get(id(self), 0) + 1
            if counts[id(self)] == step:
                self._parameters[mine[0]].data.view(-1)[0] = value

    return stepped


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("which", "member", "step", "overrides", "named"),
    [
        ("forward", "fc2", STEPS + 2, (), "block 'fc2' has weights that are not finite"),
        ("forward", "fc3", 2 * STEPS, (), "block 'fc3'"),  # the last step of an epoch, whose loss is still finite
        ("backward", "fc2", STEPS + 1, ("feedback_training.pretrain_epochs=3",), "the feedback map of edge 'fc2'"),
        ("backward", "fc1", 2 * STEPS, ("feedback_training.extra_epochs=1",), "the feedback map of edge 'fc1'"),
    ],
    ids=["within", "last step", "pre-training", "extra"],
)
def test_the_culprit_is_named_and_the_checkpoints_are_good(
    which: str, member: str, step: int, overrides: tuple[str, ...], named: str, value: float, data: Path, tmp_path: Path
) -> None:
    loaded = toy(data, *DTP, *overrides, "checkpoint.every_epochs=1", "checkpoint.every_seconds=1e-9")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RunError) as caught:
        patch.setattr(WeightStepper, "step", poison(which, member, step, value))
        run(loaded, tmp_path / "run")
    assert named in caught.value.what
    assert caught.value.exit_code == 1
    assert status(tmp_path / "run") == summary(tmp_path / "run")["status"] == "failed"
    assert named in json.loads((tmp_path / "run" / "status.json").read_text())["message"]
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", loaded.hash)
    assert checkpoints.labels()
    for label in checkpoints.labels():
        assert all(bool(weight.isfinite().all()) for weight in checkpoints.load(label).weights.values())
    assert all("nan" not in row and "inf" not in row for row in metrics(tmp_path / "run"))
    # what broke it was not in the run itself, so it can be resumed, and ends well
    assert run(loaded, tmp_path / "run", resume=True).status == "done"


@pytest.mark.parametrize(
    ("which", "named"),
    [("forward", "the optimiser's exp_avg_sq of .* in block 'fc1'"), ("feedback", "in the feedback map of edge 'fc1'")],
)
def test_moments_that_are_not_finite_are_in_no_checkpoint(
    which: str, named: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = WeightStepper.step

    def stepped(self: WeightStepper, gradients: Any, names: Any = None) -> None:
        plain(self, gradients, names)
        forward = any(name.startswith("fc3.") for name in self._parameters)
        if forward == (which == "forward") and self.optimizer is not None:
            first = next(value for name, value in self._parameters.items() if name.startswith("fc1."))
            self.optimizer.state[first]["exp_avg_sq"].fill_(torch.inf)  # the weight itself then rests

    monkeypatch.setattr(WeightStepper, "step", stepped)
    with pytest.raises(RunError, match=named):
        run(toy(data, *DTP), tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_step_that_is_too_large_ends_with_a_message(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp", "optimizer.forward=sgd", "optimizer.forward.lr=1e30", "architecture.activation=relu")
    with pytest.raises(RunError, match=r"loss is (nan|inf) .* block 'fc") as caught:
        run(loaded, tmp_path / "run")
    assert "lower a learning rate" in caught.value.hint


def test_numbers_that_break_only_in_the_test_set_are_noticed(data: Path, tmp_path: Path) -> None:
    def spoil(self: Engine, *rest: Any, **options: Any) -> torch.Tensor:
        out = plain(self, *rest, **options)
        with torch.no_grad():  # finite weights, whose product is not
            for name, value in (("fc1", 1.0), ("fc2", 1e20), ("fc3", 1e30)):
                self.network.get_parameter(f"blocks.{name}.linear.weight").fill_(value)
        return out

    plain = Engine.train_batch
    loaded = toy(data, "rule=bp", "batch_size=60", "architecture.activation=relu")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RunError, match=r"the test loss is .* block 'fc3'"):
        patch.setattr(Engine, "train_batch", spoil)
        run(loaded, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_loss_that_overflows_names_the_last_block(tmp_path: Path) -> None:
    made = build(toy(write_toy_data(tmp_path), "rule=bp", "loss=mse").experiment, catalogue())
    network, x = made.engine.network, made.data.prepare(made.data.train.x[:8], torch.float32)
    with torch.no_grad():
        for p in network.block_of(network.nodes[-1]).parameters():
            p.mul_(1e25)
    said = name_the_culprit(network, made.engine.feedback, x)
    assert said.startswith(f"the outputs of block '{network.nodes[-1].block}' are still numbers, up to ")
    assert "e+2" in said
