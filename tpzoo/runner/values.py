"""What every block and edge of a config gets, for ``tpzoo show config``."""

from __future__ import annotations

from tpzoo.assembly.maker import Names, make
from tpzoo.assembly.method import choose, method_of
from tpzoo.assembly.parts import build_feedback, build_network
from tpzoo.config.resolved import LoadedConfig
from tpzoo.engine.data import Data
from tpzoo.plugin.settings import values_by_name


def resolved_values(loaded: LoadedConfig) -> dict[str, tuple[str, dict[str, object]]]:
    """By its path each setting that differs by name: ``block`` or ``edge``, and the values from input to output.

    The data are read, since their shape is the network's, and the network and its feedback built.

    Raises:
        TpzooError: the data, the network or the feedback cannot be had, or a value fits no block or edge.
    """
    experiment, catalogue = loaded.experiment, loaded.catalogue
    data: Data = make(choose("dataset", experiment.data, catalogue))
    method = method_of(experiment, catalogue)
    network = build_network(method.architecture, data.spec)
    names = Names.of(network, build_feedback(method.feedback, method.map, network, catalogue))
    found = {}
    for path, axis, value in values_by_name(experiment):
        axis = "edge" if path.startswith("optimizer.feedback.") else axis  # an optimiser does not know what it steps
        if value.varies and (known := names.along(axis)):
            found[path] = axis, dict(value.resolve(known, path))
    return found
