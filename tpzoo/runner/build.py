"""From an experiment to everything that a run needs: data, engine, probes, on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from tpzoo.assembly.engine import assemble
from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.maker import Names, make, seeded
from tpzoo.assembly.method import choose
from tpzoo.assembly.weights import TrainedWeights
from tpzoo.engine.data import Data
from tpzoo.engine.data_check import check_data
from tpzoo.engine.probe import Probe, notes_of
from tpzoo.engine.step import Engine
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.runner.data_identity import identity
from tpzoo.runner.data_summary import class_counts
from tpzoo.runner.device import choose_device, choose_precision


@dataclass
class Built:
    """Everything that a run needs, on its device.

    Attributes:
        data_identity: what says which data these are.
        notices: one line for each thing about the data that is allowed and odd, and what probes say of the network.
    """

    data: Data
    engine: Engine
    forward: TrainedWeights
    feedback: TrainedWeights
    probes: dict[str, Probe]
    device: torch.device
    dtype: torch.dtype
    data_identity: dict[str, Any]
    notices: list[str]


def build(experiment: Experiment, catalogue: Catalogue) -> Built:
    """Build what the experiment names. The global generators are left as they were.

    Raises:
        TpzooError: something cannot be built as the experiment says.
    """
    device, dtype = choose_device(experiment.device), choose_precision(experiment.precision)
    data: Data = make(choose("dataset", experiment.data, catalogue))
    notices = check_data(data)
    if experiment.checkpoint.monitor == "valid_accuracy" and data.spec.task == "regression":
        raise SettingError("checkpoint.monitor=valid_accuracy: a regression has no accuracy", "use valid_loss or auto")
    data = replace(data, spec=replace(data.spec, class_counts=class_counts(data)))
    made = assemble(experiment, catalogue, data.spec, device=device, dtype=dtype)
    _check_last_batch(experiment, data, made.engine, dtype)
    names = Names.of(made.engine.network, made.engine.feedback)
    with seeded(experiment.seed, "init/probes"):
        chosen = {name: choose("probe", probe, catalogue) for name, probe in experiment.probes.items()}
        probes = {name: make(each, names=names) for name, each in chosen.items()}
    notices += notes_of(probes, made.engine.network)
    return Built(
        data.to(device), made.engine, made.forward, made.feedback, probes, device, dtype, identity(data), notices
    )


def _check_last_batch(experiment: Experiment, data: Data, engine: Engine, dtype: torch.dtype) -> None:
    """See that there is a batch, and that the blocks can be trained on one of a single example if there is one.

    Raises:
        SettingError: ``drop_last`` leaves out the only batch, or a batch norm would get a single value.
    """
    whole, rest = divmod(len(data.train), experiment.batch_size)
    if not whole and experiment.drop_last:
        what = f"drop_last leaves out the only batch: {len(data.train)} examples, batches of {experiment.batch_size}"
        raise SettingError(what, "set drop_last=false, or a smaller batch_size")
    last = experiment.batch_size if experiment.drop_last or not rest else rest
    if last > 1 or all(block.row_independent for block in engine.network.blocks.children()):
        return
    x = data.prepare(data.train.x[:1], dtype).to(engine.streams.device)
    try:
        engine.network.trace(x, update_buffers=False, graph=False)
    except ValueError as error:
        what = f"the last batch of an epoch has one example, and a batch norm cannot be trained on it: {error}"
        raise SettingError(what, "set drop_last=true, or another batch_size") from error
