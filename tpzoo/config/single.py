"""Settings of a single component outside of a whole config: for the conformance kit, tools and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tpzoo.config.merge import Merge
from tpzoo.config.problems import Problems, Where
from tpzoo.config.resolved import to_plain
from tpzoo.config.tree import Layer, written
from tpzoo.config.validate import Validator
from tpzoo.plugin.catalogue import Catalogue
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
    problems, owner = Problems(), f"{record.kind} '{record.name}'"
    settings: Any = record.config or record.shared
    merge, base = Merge(catalogue, problems), settings() if settings else None
    layer = Layer(written(to_plain(values)), {(): Where(owner)})
    merge.section(settings, base, layer, (), ())
    validator = Validator(merge)
    if settings is None:
        for key in merge.made.tree:
            problems.add(Where(owner), key, f"not an option: {owner} has none")
    found = validator.section(settings, base, merge.made.tree, (), owner) if settings else None
    problems.raise_any()
    return found


def smallest(record: Record, catalogue: Catalogue) -> Any:
    """Return the settings of the quickest instance of ``record`` that still shows everything; errors as above."""
    return settings_from(record, record.smallest, catalogue)
