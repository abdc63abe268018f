"""What every block and edge of a config gets, for ``tpzoo show config``."""

from __future__ import annotations

import torch

from tpzoo.config.resolved import LoadedConfig
from tpzoo.engine.data import Data
from tpzoo.engine.network import Network
from tpzoo.plugin.settings import values_by_name
from tpzoo.runner.build import Maker, build_feedback, seeded


def resolved_values(loaded: LoadedConfig) -> dict[str, tuple[str, dict[str, object]]]:
    """By its path each setting that differs by name: ``block`` or ``edge``, and the values from input to output.

    Data are read, since their shape is the network's; weights are not made.

    Raises:
        TpzooError: the data, the network or the feedback cannot be had, or a value fits no block or edge.
    """
    experiment, make = loaded.experiment, Maker(loaded.catalogue)
    data: Data = make("dataset", experiment.data)
    with torch.device("meta"), seeded(experiment.seed, "init/network"):
        network: Network = make("architecture", experiment.architecture, data.spec)
        names = {
            "block": list(network.blocks),
            "edge": build_feedback(make, experiment.feedback, network).names(network),
        }
    found = {}
    for path, axis, value in values_by_name(experiment):
        axis = "edge" if path.startswith("optimizer.feedback.") else axis  # an optimiser does not know what it steps
        if value.varies and names[axis]:
            found[path] = axis, dict(value.resolve(names[axis], path))
    return found
