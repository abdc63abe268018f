"""On a machine without OmegaConf and PyYAML the kit runs, and so does a training step through the assembly."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("omegaconf", "yaml"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())

import torch
from tpzoo.assembly.engine import assemble
from tpzoo.assembly.experiment import Experiment
from tpzoo.config import settings_from
from tpzoo.engine import DataSpec
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.settings import Component
from tpzoo.testing import check

catalogue = load_catalogue()
for kind, name in (("map", "linear"), ("learner", "ridge"), ("rule", "dtp"), ("update", "minimal_norm")):
    outcomes = check(catalogue.find(kind, name).record, catalogue)
    assert outcomes and all(outcome.ok for outcome in outcomes), [o for o in outcomes if not o.ok]

def chosen(kind, name, **values):
    return Component(name, settings_from(catalogue.find(kind, name).record, values, catalogue), "tpzoo")

experiment = Experiment(
    architecture=chosen("architecture", "mlp", hidden=[5]),
    loss=chosen("loss", "auto"),
    output=chosen("output", "gradient"),
    feedback=chosen("feedback", "direct"),
    learner=chosen("learner", "drl", sigma={"*": 0.2}),
    rule=chosen("rule", "dtp"),
    optimizer=type(Experiment().optimizer)(chosen("optimizer", "sgd"), chosen("optimizer", "adam")),
)
engine = assemble(experiment, catalogue, DataSpec((4,), 3, "classification")).engine
before = engine.forward_weights.values()
engine.train_batch(torch.randn(6, 4), torch.randint(3, (6,)))
assert all(not torch.equal(value, before[name]) for name, value in engine.forward_weights.values().items())
assert not {"omegaconf", "yaml"} & sys.modules.keys()
"""


def test_the_kit_and_a_training_step_need_neither() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
