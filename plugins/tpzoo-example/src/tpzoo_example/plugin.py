"""What tpzoo collects: records and settings. Nothing here loads torch; ``build`` names what does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tpzoo import (
    Architecture,
    DataSet,
    DataSettings,
    MapForm,
    PerName,
    Recipe,
    RuleSettings,
    TargetRule,
    hookimpl,
    per_block,
    setting,
)


@dataclass(frozen=True)
class RingsSettings(DataSettings):
    """Settings of ``rings``, beside those that all data sets share; it is computed, so ``root`` has no effect."""

    classes: int = setting(3, minimum=2, help="rings, one inside the other")
    count: int = setting(1500, minimum=20, help="examples, a fifth of them to test")
    noise: float = setting(0.05, minimum=0, help="standard deviation of the radius; neighbouring rings are 1 apart")


@hookimpl
def tpzoo_datasets() -> Iterator[DataSet]:
    """Yield ``rings``."""
    yield DataSet(
        name="rings",
        summary="points on rings around one centre",
        config=RingsSettings,
        build="tpzoo_example.rings:build",
        provides=("classification",),
        smallest={"count": 60},
    )


@dataclass(frozen=True)
class FunnelSettings:
    """Settings of ``funnel``."""

    width: int = setting(64, minimum=1, help="units of the first block")
    depth: int = setting(3, minimum=1, help="hidden blocks")
    shrink: float = setting(0.5, above=0, maximum=1, help="width of each hidden block as a fraction of the one below")


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield ``funnel``."""
    yield Architecture(
        name="funnel",
        summary="fully connected tanh blocks that get narrower towards the output",
        config=FunnelSettings,
        build="tpzoo_example.funnel:build",
        provides=("pre_activation", "dense_blocks"),
        smallest={"width": 6, "depth": 2},
    )


@dataclass(frozen=True)
class NarrowSettings:
    """Settings of map ``narrow``."""

    rank: int = setting(8, minimum=1, help="rank of the matrix")


@hookimpl
def tpzoo_feedback_maps() -> Iterator[MapForm]:
    """Yield ``narrow``."""
    yield MapForm(
        name="narrow",
        summary="a product of two thin matrices",
        config=NarrowSettings,
        build="tpzoo_example.narrow:NarrowMap",
        provides=("linear_tail",),
        smallest={"rank": 2},
    )


@dataclass(frozen=True)
class ClippedSettings(RuleSettings):
    """Settings of ``clipped``."""

    limit: PerName[float] = per_block(0.1, above=0, help="largest |d| / |h| of a hidden block")


@hookimpl
def tpzoo_target_rules() -> Iterator[TargetRule]:
    """Yield ``clipped``."""
    yield TargetRule(
        name="clipped",
        summary="difference target propagation with targets that stay near the activation",
        config=ClippedSettings,
        build="tpzoo_example.clipped:Clipped",
        requires=("feedback",),
    )


@hookimpl
def tpzoo_recipes() -> Iterator[Recipe]:
    """Yield ``example/rings``."""
    yield Recipe(
        name="example/rings",
        summary="everything in this distribution at once",
        path=str(Path(__file__).parent / "rings.yaml"),
    )
