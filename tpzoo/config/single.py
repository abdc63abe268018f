"""Settings of a single component outside of a whole config: for the conformance kit, tools and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tpzoo.config.layer import layer_of
from tpzoo.config.problems import Problems, Where
from tpzoo.config.validate import Validator
from tpzoo.plugin.catalogue import Catalogue, Entry, PluginInfo
from tpzoo.plugin.records import Record


def settings_from(record: Record, values: Mapping[str, Any], catalogue: Catalogue) -> Any:
    """Return the settings of ``record`` with ``values`` in place of defaults; None if it has no settings.

    Args:
        record: any record.
        values: as a config file would say them.
        catalogue: where components inside the settings are looked up.

    Raises:
        ConfigError: a value is not one that a config could give.
    """
    problems, owner = Problems(), catalogue.entry(record) or Entry(record, PluginInfo(key="", distribution=""))
    layer = layer_of(values, Where(f"{record.kind} '{record.name}'"), problems)
    cls = record.config or record.shared
    settings = Validator(catalogue, problems).settings(cls, cls() if cls else None, [(layer, layer.tree)], (), owner)
    problems.raise_any()
    return settings


def smallest(record: Record, catalogue: Catalogue) -> Any:
    """Return the settings of the quickest instance of ``record`` that still shows everything; errors as above."""
    return settings_from(record, record.smallest, catalogue)
