"""What a run trained, built again from its folder: the network and how examples are prepared for it.

The data set is not needed: the folder says what a network must take and give, and its checkpoints hold the statistics
that examples are normalised with. It is read only where a data set prepares its examples in a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo.assembly.engine import assemble
from tpzoo.config import LoadedConfig, load
from tpzoo.engine.data import Data, DataSpec, Split
from tpzoo.engine.images import Normalise
from tpzoo.engine.step import Engine
from tpzoo.plugin.source import sources_of
from tpzoo.runner import folder
from tpzoo.runner.build import build
from tpzoo.runner.checkpoint import Checkpoints, label_of, put_back
from tpzoo.runner.code import plugins_to_load, plugins_used, require_same_code
from tpzoo.runner.data_summary import PLAIN, PREPARATION
from tpzoo.runner.device import choose_device, choose_precision
from tpzoo.runner.session import versions_of


@dataclass(frozen=True)
class Trained:
    """A network with the weights of a checkpoint, in evaluation mode.

    Attributes:
        engine: the network with everything that trained it.
        preparation: a data set without examples, which prepares others as the run did.
        epoch, step: how far the run had come.
    """

    loaded: LoadedConfig
    engine: Engine
    preparation: Data
    dtype: torch.dtype
    device: torch.device
    epoch: int
    step: int


def rebuild(
    run: Path,
    checkpoint: str = "best",
    device: str = "cpu",
    plugins: Sequence[str] = (),
    changed_plugin: bool = False,
) -> Trained:
    """The network of the run in a folder, with the weights of one of its checkpoints.

    Args:
        checkpoint: ``best``, ``last`` or ``epoch-N``; of a run that kept no best one, ``best`` is the last.
        plugins: further plugins, files or modules.
        changed_plugin: build it though the code of a plugin is not what it was.

    Raises:
        TpzooError: ``run`` is no run, or a checkpoint is missing or damaged.
    """
    where = folder.reopen(run)
    named = plugins_to_load(where, plugins, changed_plugin)
    loaded = load(where.path / "config.yaml", [f"device={device}"], plugins=named)
    checkpoints = Checkpoints(where.path / "checkpoints", where.config_hash() or loaded.hash)
    known = checkpoints.labels()
    label = "last" if checkpoint == "best" and known and "best" not in known else label_of(checkpoint)
    saved = checkpoints.load(label)
    experiment, place = loaded.experiment, choose_device(loaded.experiment.device)
    dtype = choose_precision(experiment.precision)
    data = _without_examples(where.environment(), saved.weights)
    if data is None:
        built = build(experiment, loaded.catalogue)
        engine, data = built.engine, built.data
    else:
        engine = assemble(experiment, loaded.catalogue, data.spec, device=place, dtype=dtype).engine
        data = data.to(place)
    modules = {**engine.modules, **{f"data_{name}": part for name, part in data.modules.items()}}
    used = plugins_used(loaded, modules.values())
    require_same_code(where, sources_of(used), versions_of(loaded), changed_plugin)
    put_back(modules, saved.weights)
    engine.network.eval()
    cursor = saved.state["training"]["progress"]["cursor"]
    return Trained(loaded, engine, data, dtype, place, cursor["epoch"], cursor["step"])


def _without_examples(environment: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Data | None:
    """A data set that only prepares; None if the folder does not say how, or it is a data set's own way."""
    spec, preparation = environment.get("spec"), environment.get("preparation")
    if not isinstance(spec, Mapping) or not isinstance(preparation, Mapping):
        return None
    if any(preparation.get(name) not in (None, PLAIN) for name in PREPARATION):
        return None
    parts: dict[str, nn.Module] = {}
    for name in PREPARATION:
        if preparation.get(name) == PLAIN:
            mean, std = (weights[f"data_{name}.{part}"].double().tolist() for part in ("mean", "std"))
            parts[name] = Normalise(mean, std)
    shape = tuple(spec["input_shape"])
    described = DataSpec(shape, spec["output_size"], spec["task"], tuple(spec["class_counts"]))
    none = Split(torch.zeros(0, *shape), torch.zeros(0))
    return Data(described, none, none, stored={"none": ""}, **parts)  # type: ignore[arg-type]
