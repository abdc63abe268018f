"""Settings of a single component outside of a whole config: for tests, tools and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tpzoo.config.document import read_text
from tpzoo.config.nodes import Entries
from tpzoo.config.problems import Problems, Where
from tpzoo.config.resolved import dump_yaml, to_plain
from tpzoo.config.state import Context, Section
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
    problems = Problems()
    context = Context(catalogue, problems)
    cls = record.config or record.shared
    section = Section(cls, cls() if cls else None, "", f"{record.kind} '{record.name}'", context)
    node = read_text(dump_yaml(to_plain(values)), lambda mark: Where(f"{record.kind} '{record.name}'"), problems)
    if isinstance(node, Entries):
        section.apply(node)
    settings = section.finish() if cls else None
    problems.raise_any()
    return settings


def smallest(record: Record, catalogue: Catalogue) -> Any:
    """Return the settings of the quickest instance of ``record`` that still shows everything; errors as above."""
    return settings_from(record, record.smallest, catalogue)
