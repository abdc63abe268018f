# upper_blocks.py
from dataclasses import dataclass

from tpzoo import DisplacementRule, RuleSettings, TargetRule, hookimpl, setting


@dataclass(frozen=True)
class Settings(RuleSettings):
    blocks: int = setting(1, minimum=1, help="how many blocks learn, counted from the output")


class UpperBlocks(DisplacementRule):
    """Difference target propagation of the upper blocks only: the others stay as they were drawn."""

    def displacements(self, trace, feedback, batch, draw):
        found = feedback.displacements(trace, batch.output_displacement(trace.output))
        return {node: found[node] for node in list(trace.passes)[-self.settings.blocks :]}


@hookimpl
def tpzoo_target_rules():
    yield TargetRule(
        name="upper", summary="the upper blocks", config=Settings, build=UpperBlocks, smallest={"blocks": 9}
    )
