"""What every block and edge of a config gets, and what its probes say of its network, for ``tpzoo show config``."""

from __future__ import annotations

from tpzoo.assembly.maker import Names, make
from tpzoo.assembly.method import choose, method_of
from tpzoo.assembly.parts import build_feedback, build_network
from tpzoo.config.resolved import LoadedConfig
from tpzoo.engine.data import Data
from tpzoo.engine.network import Network
from tpzoo.engine.probe import Probe, notes_of
from tpzoo.plugin.settings import values_by_name


def probe_notes(loaded: LoadedConfig) -> list[str]:
    """What the probes of a config say of its network, one line each; it is built only if one may say something.

    Raises:
        TpzooError: the data, the network or a probe cannot be had.
    """
    experiment, catalogue = loaded.experiment, loaded.catalogue
    chosen = {name: choose("probe", probe, catalogue) for name, probe in experiment.probes.items()}
    if all(getattr(each.record.builder(), "notes", None) is Probe.notes for each in chosen.values()):
        return []
    network, names = _network(loaded)
    return notes_of({name: make(each, names=names) for name, each in chosen.items()}, network)


def resolved_values(loaded: LoadedConfig) -> dict[str, tuple[str, dict[str, object]]]:
    """By its path each setting that differs by name: ``block`` or ``edge``, and the values from input to output.

    The data are read, since their shape is the network's, and the network and its feedback built.

    Raises:
        TpzooError: the data, the network or the feedback cannot be had, or a value fits no block or edge.
    """
    _, names = _network(loaded)
    found = {}
    for path, axis, value in values_by_name(loaded.experiment):
        axis = "edge" if path.startswith("optimizer.feedback.") else axis  # an optimiser does not know what it steps
        if value.varies and (known := names.along(axis)):
            found[path] = axis, dict(value.resolve(known, path))
    return found


def _network(loaded: LoadedConfig) -> tuple[Network, Names]:
    """The network of a config, and the names of its blocks and edges."""
    experiment, catalogue = loaded.experiment, loaded.catalogue
    data: Data = make(choose("dataset", experiment.data, catalogue))
    method = method_of(experiment, catalogue)
    network = build_network(method.architecture, data.spec)
    return network, Names.of(network, build_feedback(method.feedback, method.map, network, catalogue))
