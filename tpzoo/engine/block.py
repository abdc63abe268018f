"""The unit of credit assignment: a layer with its nonlinearity, a convolution with its pool, a residual unit."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast, final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Activity(NamedTuple):
    """What one block made of its input.

    Attributes:
        out: the output, (batch, ...).
        pre: what the nonlinearity was applied to, (batch, ...); None for a block that does not split there.
        aux: side data that an inverse may need (pool indices, norm statistics); tensors with the batch first.
    """

    out: Tensor
    pre: Tensor | None = None
    aux: Mapping[str, Tensor] = {}


class Block(nn.Module, abc.ABC):
    """A module whose parameters are trained from one displacement, that of its output.

    ``run`` must be pure: it keeps nothing on the module, and its first operation must not be in place. Buffers (the
    running statistics of a norm) may move in ``run``: the engine runs every pass on copies and puts them back only
    after the pass of a training step.
    """

    draws: bool = False
    """Whether it draws from torch's global generator (dropout); found by :func:`find_draws` when it is built."""

    # Found at the first run: to walk through the modules in every pass would cost as much as a small layer.
    _has_buffers: bool | None = None
    _norms: tuple[nn.Module, ...] | None = None

    @property
    def row_independent(self) -> bool:
        """Whether one sample's output is independent of the others in the batch; where a block draws, it is not."""
        if self.draws:
            return False
        if self._norms is None:
            self._norms = tuple(module for module in self.modules() if isinstance(module, _BatchNorm))
        # without running statistics a norm takes those of its batch at all times
        return not any(norm.training or norm.running_mean is None for norm in self._norms)

    def state_buffers(self) -> dict[str, Tensor]:
        """The buffers by name. A block must be whole when it first runs: whether it has any is found then."""
        if self._has_buffers is None:
            self._has_buffers = any(True for _ in self.buffers())
        return dict(self.named_buffers()) if self._has_buffers else {}

    @abc.abstractmethod
    def run(self, x: Tensor) -> Activity:
        """Map ``x`` (batch, ...) to an :class:`Activity`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return only the output of :meth:`run`."""
        return self.run(x).out

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, x: Tensor) -> Tensor:
            """Return only the output of :meth:`run`."""


class SplitBlock(Block):
    """A block that splits into a linear map and what follows; its activities have ``pre`` (``pre_activation``)."""

    @abc.abstractmethod
    def activate(self, pre: Tensor) -> Activity:
        """Everything after the linear map, for ``pre`` (batch, ...): an :class:`Activity` with that ``pre``."""


@final
class ModuleBlock(Block):
    """Any module as one block: a residual unit, a stage, ``nn.Sequential(...)``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def run(self, x: Tensor) -> Activity:
        out, aux = run_module(self.module, x)
        return Activity(out, None, aux)


def run_layer(name: str, layer: nn.Module, x: Tensor, aux: dict[str, Tensor]) -> Tensor:
    """The output of ``layer``; the side data of the blocks in it go into ``aux`` below ``name``."""
    out, own = run_module(layer, x)
    aux.update({f"{name}.{key}": value for key, value in own.items()})
    return out


def run_module(module: nn.Module, x: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The output of ``module``, and side data if it is a block or an ``nn.Sequential`` that holds some."""
    if isinstance(module, Block):
        made = module.run(x)
        return made.out, made.aux
    if type(module).forward is not nn.Sequential.forward:
        return module(x), {}
    aux: dict[str, Tensor] = {}
    for name, layer in module._modules.items():
        x = run_layer(name, cast(nn.Module, layer), x, aux)
    return x, aux
