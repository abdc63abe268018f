"""From an experiment to everything that a run needs: data, engine, probes, on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tpzoo.assembly.engine import assemble
from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.maker import Names, make, seeded
from tpzoo.assembly.method import choose
from tpzoo.assembly.weights import TrainedWeights
from tpzoo.engine.data import Data
from tpzoo.engine.probe import Probe
from tpzoo.engine.step import Engine
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.runner.device import choose_device, choose_precision


@dataclass
class Built:
    """Everything that a run needs, on its device."""

    data: Data
    engine: Engine
    forward: TrainedWeights
    feedback: TrainedWeights
    probes: dict[str, Probe]
    device: torch.device
    dtype: torch.dtype


def build(experiment: Experiment, catalogue: Catalogue) -> Built:
    """Build what the experiment names. The global generators are left as they were.

    Raises:
        TpzooError: something cannot be built as the experiment says.
    """
    device, dtype = choose_device(experiment.device), choose_precision(experiment.precision)
    data: Data = make(choose("dataset", experiment.data, catalogue))
    made = assemble(experiment, catalogue, data.spec, device=device, dtype=dtype)
    names = Names.of(made.engine.network, made.engine.feedback)
    with seeded(experiment.seed, "init/probes"):
        chosen = {name: choose("probe", probe, catalogue) for name, probe in experiment.probes.items()}
        probes = {name: make(each, names=names) for name, each in chosen.items()}
    return Built(data.to(device), made.engine, made.forward, made.feedback, probes, device, dtype)
