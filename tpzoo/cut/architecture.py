"""An architecture from a function that returns an ordinary ``nn.Module``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tpzoo.plugin.records import Architecture
from tpzoo.plugin.settings import setting

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tpzoo.cut.places import SplitAt
    from tpzoo.engine.data import DataSpec
    from tpzoo.engine.network import Network

EXAMPLES = 4


@dataclass(frozen=True)
class ModuleSettings:
    """Settings of an architecture that has none of its own."""

    at: str | int | tuple[str, ...] = setting(
        "auto", help="where blocks begin: auto (every layer), a depth, or names of submodules; see tpzoo.split"
    )


def module_architecture(
    name: str,
    make: Callable[..., nn.Module],
    *,
    summary: str = "",
    config: type | None = None,
    at: SplitAt = "auto",
    **options: Any,
) -> Architecture:
    """The record of an architecture whose network is an ordinary module, cut by :func:`tpzoo.split`.

    It is made for the data of a run, in float32 on the CPU, and drawn from the run's own stream for the network.

    Args:
        name: what a config calls it.
        make: ``make(spec: DataSpec) -> nn.Module``; with ``config`` ``make(settings, spec)``. It takes batches of
            ``spec.input_shape`` and gives ``spec.output_size`` values for each example.
        summary: one line.
        config: the frozen dataclass of its settings; default :class:`ModuleSettings`, whose one setting is ``at``.
        at: where blocks begin, if ``config`` is given and has no setting ``at``.
        options: further fields of :class:`tpzoo.Architecture`, such as ``requires=("images",)`` or ``smallest``.
    """
    build = _Build(make, config is not None, at)
    return Architecture(
        name=name, summary=summary or _first_line(make), config=config or ModuleSettings, build=build, **options
    )


def _first_line(make: Callable[..., Any]) -> str:
    said = (make.__doc__ or "").strip().splitlines()
    return said[0].rstrip(".") if said else "an ordinary module, cut into blocks"


@dataclass(frozen=True)
class _Build:
    """Makes the module and cuts it; torch is loaded when it is called."""

    make: Callable[..., nn.Module]
    takes_settings: bool
    at: SplitAt

    def __call__(self, settings: Any, spec: DataSpec) -> Network:
        from tpzoo.cut.split import split

        module = self.make(settings, spec) if self.takes_settings else self.make(spec)
        return split(module, example_for(spec), getattr(settings, "at", self.at))


def example_for(spec: DataSpec) -> Tensor:
    """A few random examples as data of ``spec`` are once they are prepared, always the same."""
    import torch

    return torch.randn(EXAMPLES, *spec.input_shape, generator=torch.Generator().manual_seed(0))
