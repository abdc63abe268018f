"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import RuleSettings, TargetRule, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings(RuleSettings):
    """Settings of ``my_entry``."""

    fraction: float = setting(0.5, above=0, maximum=1, help="how far hidden blocks go towards the target of dtp")


@hookimpl
def tpzoo_target_rules() -> Iterator[TargetRule]:
    """Yield ``my_entry``."""
    yield TargetRule(
        name="my_entry",
        summary="difference target propagation with shorter steps in the hidden blocks",
        config=MyEntrySettings,
        build="tpzoo.templates.rule.rule:MyEntryRule",
        requires=("feedback",),
    )
