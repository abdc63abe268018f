"""A path may have edges that are tied beside edges that are trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.support.runs import catalogue, run, write_toy_data
from tpzoo import Connect, Feedback, FeedbackPath, Network
from tpzoo.config import load
from tpzoo.engine import StepRecord
from tpzoo.plugin.catalogue import Catalogue, PluginInfo
from tpzoo.runner.build import build
from tpzoo.zoo.feedback import layerwise
from tpzoo.zoo.feedback.plugin import LayerwiseSettings
from tpzoo.zoo.feedback.tied import TiedMap


def mixed(settings: LayerwiseSettings, network: Network, connect: Connect) -> Feedback:
    """Layerwise, with the exact vector-Jacobian product on the top edge."""
    top, *others = layerwise.build(settings, network, connect).edges
    return Feedback([dataclasses.replace(top, map=TiedMap()), *others])


PATH = FeedbackPath(
    name="mixed", summary="s", build=mixed, config=LayerwiseSettings, provides=("feedback", "maps", "one_block_edges")
)


@pytest.mark.parametrize("iterations", ["1", "{'*': 2}"])
@pytest.mark.parametrize("learner", ["reconstruction", "ldrl", "drl"])
def test_it_trains_the_others_as_if_alone(learner: str, iterations: str, tmp_path: Path) -> None:
    zoo = Catalogue([*catalogue().plugins, PluginInfo("mine:x", "mine", records=(PATH,))])
    data = write_toy_data(tmp_path)
    base = [
        "data=npz", f"data.path={data}", "architecture.hidden=[6,5,4]", "batch_size=16", "epochs=1", "device=cpu",
        "evaluation_batch_size=10", "loggers.console=null", f"learner={learner}", "rule=dtp", "precision=float64",
        f"feedback_training.iterations={iterations}",
    ]  # fmt: skip
    records = {}
    for path in ("mixed", "layerwise"):
        loaded = load(None, [*base, f"feedback={path}"], zoo)
        made, record = build(loaded.experiment, zoo), StepRecord()
        x = made.data.prepare(made.data.train.x[:16], torch.float64)
        made.engine.train_batch(x, made.data.train.y[:16], record=record)
        records[path] = record.feedback
        if path == "mixed":
            assert run(loaded, tmp_path / "run").status == "done"
    for mine, all_trained in zip(records["mixed"], records["layerwise"], strict=False):
        assert not [name for name in mine if name.startswith("fc3.")]
        if learner in ("reconstruction", "ldrl") and iterations == "1":  # the loss of an edge is of that edge alone
            assert mine.keys() == {name for name in all_trained if not name.startswith("fc3.")}
            assert all(torch.equal(value, all_trained[name]) for name, value in mine.items())
