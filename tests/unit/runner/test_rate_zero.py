"""A learning rate of 0: updates are computed and measured, and nothing moves. The toy recipes stand on it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tpzoo import Logger, LogRecord
from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.recipes import recipe_folder
from tpzoo.runner.build import Built, build
from tpzoo.runner.loop import Training

FEW = ("epochs=1", "data.train_count=30", "data.test_count=2", "data.hidden=[8]")


class Kept(Logger):
    """Keeps the last value of every measurement."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def log(self, record: LogRecord) -> None:
        if record.event == "probe":
            self.values.update(record.values)


def weights(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def run(recipe: str, *overrides: str) -> tuple[Built, dict[str, Tensor], dict[str, Tensor], dict[str, float]]:
    """A short run: what was built, its weights before, its feedback before, and the last value of every measurement."""
    loaded = load(recipe_folder() / "meulemans2020" / recipe, [*FEW, *overrides], load_catalogue())
    built = build(loaded.experiment, loaded.catalogue)
    network, feedback = weights(built.engine.network), weights(built.engine.feedback)
    logger = Kept()
    for _ in Training(loaded.experiment, built, [logger]).run():
        pass
    return built, network, feedback, logger.values


@pytest.mark.parametrize("recipe", ["toy_null_space/dtp.yaml", "toy_null_space/ddtp_linear.yaml"])
def test_the_null_space_toy_moves_its_feedback_alone(recipe: str) -> None:
    built, network, feedback, found = run(recipe, "feedback_training.pretrain_epochs=1")
    assert all(torch.equal(p, network[name]) for name, p in built.engine.network.named_parameters())
    assert all(not torch.equal(p, feedback[name]) for name, p in built.engine.feedback.named_parameters())
    ratios = {f"null_space_ratio/fc{i}{part}" for i in (1, 2, 3) for part in ("", "/cut")}
    assert ratios | {f"gnt_angle/fc{i}" for i in (1, 2)} == set(found)
    assert found["null_space_ratio/fc3"] < 1e-12  # one sample: the last layer has no way round the output
    assert found["null_space_ratio/fc2"] > 1e-3


@pytest.mark.parametrize("recipe", ["toy_output_space/bp.yaml", "toy_output_space/gnt.yaml"])
def test_the_output_space_toy_stands_still(recipe: str) -> None:
    built, network, _, found = run(recipe)
    assert all(torch.equal(p, network[name]) for name, p in built.engine.network.named_parameters())
    parts = {f"{kind}_{i}" for kind in ("output", "label", "change") for i in (0, 1)}
    assert {f"output_step/0/{part}" for part in (*parts, "angle")} == set(found)
    away = [found[f"output_step/0/label_{i}"] - found[f"output_step/0/output_{i}"] for i in (0, 1)]
    change = [found[f"output_step/0/change_{i}"] for i in (0, 1)]
    assert sum(a * c for a, c in zip(away, change, strict=True)) > 0  # towards the label
    assert 0 <= found["output_step/0/angle"] < 90
