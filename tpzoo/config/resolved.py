"""A config that is complete: the experiment, where every value comes from, its YAML and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tpzoo.assembly.experiment import Experiment
from tpzoo.config.plain import to_plain
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.discovery import is_file
from tpzoo.plugin.records import Record

if TYPE_CHECKING:
    from omegaconf import DictConfig

HASH_LENGTH = 10

IRRELEVANT = (
    ("name",),
    ("plugins",),
    ("device",),
    ("cuda_graphs",),
    ("evaluation_batch_size",),
    ("loggers",),
    ("probes",),
    ("checkpoint", "every_epochs"),
    ("checkpoint", "every_seconds"),
    ("checkpoint", "keep_best"),
    ("data", "root"),
    ("data", "download"),
    ("start_from", "run"),
    ("start_from", "checkpoint"),
)
"""What the hash leaves out: names, places and records of a run, and how it is computed: no number beyond rounding."""

FOR_EVALUATION = (*IRRELEVANT, ("precision",), ("data", "path"))
"""What may change when the checkpoint of a run is scored; that the data are the same is seen by their content."""


@dataclass(frozen=True)
class LoadedConfig:
    """What :func:`tpzoo.config.load` returns.

    Attributes:
        experiment: frozen, plain dataclasses.
        origins: where each value comes from, by its path: ``configs/base.yaml:7``, ``command line: seed=1``,
            ``default``, ``default of rule 'dtp'``.
        notices: one line for each thing that was decided for the user.
        records: the chosen record of every axis, by its path.
        catalogue: what the names were looked up in, the config's own plugins included.
    """

    experiment: Experiment
    origins: dict[str, str]
    notices: list[str]
    records: dict[str, Record]
    catalogue: Catalogue

    def to_omegaconf(self) -> DictConfig:
        """The resolved config as a read-only OmegaConf container: dotted access, and ``OmegaConf.select``."""
        from omegaconf import OmegaConf

        made = OmegaConf.create(self.plain())
        OmegaConf.set_readonly(made, True)
        return made

    def to_yaml(self, full_names: bool = False) -> str:
        """The resolved config, which can be run as it is.

        Args:
            full_names: write components as ``distribution/name``, which mean the same whatever else is installed.
        """
        from tpzoo.config.dump import dump_yaml  # the conformance kit runs where no YAML is read

        return self.header() + dump_yaml(self.plain(full_names))

    def plain(self, full_names: bool = False) -> dict[str, Any]:
        """The resolved config as dicts, lists and scalars; what was removed from a table is null."""
        tree: dict[str, Any] = to_plain(self.experiment, full_names)
        # A module can be loaded by a user but not by a config, which might be a stranger's.
        tree["plugins"] = [name for name in self.experiment.plugins if is_file(name)]
        for table in ("probes", "loggers"):
            removed = set(getattr(Experiment(), table)) - set(tree[table])
            tree[table].update(dict.fromkeys(sorted(removed)))
        return tree

    def header(self) -> str:
        """A comment that names the modules that must be loaded by hand; empty if there are none."""
        modules = [name for name in self.experiment.plugins if not is_file(name)]
        return f"# needs --plugin {' --plugin '.join(modules)}\n" if modules else ""

    def compared(self, without: Iterable[tuple[str, ...]]) -> dict[str, Any]:
        """The plain values by which two configs are compared: components by their full names, some places left out."""
        tree: dict[str, Any] = to_plain(self.experiment, qualified=True)
        for *groups, key in without:
            place = tree
            for group in groups:
                place = place[group]
            place.pop(key, None)
        return tree

    @property
    def hash(self) -> str:
        """Ten hex digits that change with every value that changes results, and with nothing else.

        Names, plugins, device, loggers, checkpoints and the place of the data are left out (``IRRELEVANT``); the
        order of keys does not matter, and neither does whether a value was written or is the default.
        """
        tree = self.compared(IRRELEVANT)
        start = tree.pop("start_from")
        if start["digest"]:  # where weights are drawn, nothing: hashes from before this setting hold
            tree["start_from"] = start
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:HASH_LENGTH]
