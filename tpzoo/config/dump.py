"""Plain trees as YAML text that our reader reads back to the same values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from tpzoo.config.scalars import FLOAT, INTEGER


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes what our reader reads back: texts that YAML 1.2 takes for numbers are quoted as well."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = {key: list(found) for key, found in yaml.SafeDumper.yaml_implicit_resolvers.items()}
for _tag, _pattern in (("float", FLOAT), ("int", INTEGER)):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), list("-+0123456789.")
    )


def dump_yaml(tree: Mapping[str, Any], width: int = 120, flow: bool | None = None) -> str:
    """Return YAML text that :func:`tpzoo.config.load` reads back to the same values.

    Args:
        width: where lines are broken.
        flow: True writes all in braces and brackets; None only the innermost collections.
    """
    text: str = yaml.dump(
        dict(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=width
    )
    return text
