"""Who steps which weights: one optimiser over named members, each with its own settings and its own state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from tpzoo.errors import SettingError
from tpzoo.plugin.suggest import name_hint

Mean = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class WeightStepper:
    """The blocks of a network, or the edges of a feedback path, and the optimiser that steps them.

    All members sit in one torch optimiser with a parameter group each. Adam, SGD and their kin keep their state by
    parameter and skip parameters without a gradient, so this is one optimiser for each member, in one call.

    Args:
        modules: the members by name; parameters are addressed ``member.parameter``.
        optimizer: the optimiser over their parameters; None if nothing is trained.
        clip: the largest global norm of a step's gradients, or None.
        mean: averages gradients over processes.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        optimizer: torch.optim.Optimizer | None,
        clip: float | None = None,
        mean: Mean | None = None,
    ) -> None:
        self.optimizer = optimizer
        self._rests = False
        self._clip = clip
        self._mean = mean
        self._parameters = {
            f"{member}.{name}": p for member, module in modules.items() for name, p in module.named_parameters()
        }
        listed = {id(p) for group in (optimizer.param_groups if optimizer else []) for p in group["params"]}
        self.trained = frozenset(name for name, p in self._parameters.items() if id(p) in listed)

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """All weights, trained or not, by ``member.parameter``."""
        return self._parameters

    def resting(self) -> WeightStepper:
        """One of the same weights that moves none of them."""
        made = copy.copy(self)
        made.optimizer, made._rests = None, True
        return made

    def averaged(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """``values``, averaged over processes."""
        return self._mean(values) if self._mean else values

    def values(self) -> dict[str, Tensor]:
        """Copies of all weights, trained or not, by ``member.parameter``."""
        return {name: p.detach().clone() for name, p in self._parameters.items()}

    def moments(self) -> dict[str, dict[str, Tensor]]:
        """What the optimiser keeps of every parameter, by ``member.parameter`` and its own word for it: no copies.

        Whole numbers and counts of steps are left out.
        """
        state = {} if self.optimizer is None else self.optimizer.state
        return {
            name: {
                key: value
                for key, value in state[p].items()
                if isinstance(value, Tensor) and value.is_floating_point() and key != "step"
            }
            for name, p in self._parameters.items()
            if p in state
        }

    @torch.no_grad()
    def set_values(self, values: Mapping[str, Tensor]) -> None:
        """Set weights by ``member.parameter``, trained or not; those that are left out stay.

        Raises:
            SettingError: there is no such weight, or it has another shape.
        """
        for name, value in values.items():
            if name not in self._parameters:
                raise SettingError(f"there is no weight '{name}'", name_hint(name, self._parameters))
            if self._parameters[name].shape != value.shape:
                shape = tuple(self._parameters[name].shape)
                raise SettingError(f"weight '{name}' has the shape {shape}, and {tuple(value.shape)} was given")
        for name, value in values.items():
            self._parameters[name].copy_(value)

    @torch.no_grad()
    def assign(self, values: Mapping[str, Tensor]) -> None:
        """Set the parameters that ``values`` (by ``member.parameter``) has and that are trained."""
        for name, value in values.items() if not self._rests else ():
            if name in self.trained:
                self._parameters[name].copy_(value)

    def step(self, gradients: Mapping[str, Tensor], names: Iterable[str] | None = None) -> None:
        """Step the parameters that ``gradients`` (by ``member.parameter``) has, of members ``names`` or of all.

        Parameters without a gradient are not stepped: their moments and their decay wait.
        """
        chosen = {name: value for name, value in gradients.items() if name in self.trained}
        if names is not None:
            members = frozenset(names)
            chosen = {name: value for name, value in chosen.items() if name.split(".", 1)[0] in members}
        if not chosen or self.optimizer is None:
            return
        for name, gradient in self.averaged(chosen).items():
            self._parameters[name].grad = _in_memory_like(self._parameters[name], gradient)
        if self._clip is not None:
            torch.nn.utils.clip_grad_norm_([self._parameters[name] for name in chosen], self._clip)
        self.optimizer.step()
        for name in chosen:
            self._parameters[name].grad = None


def _in_memory_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """``gradient``, copied if it lies in memory in another order: torch's fused optimisers look at the memory alone."""
    if gradient.shape != parameter.shape or gradient.stride() == parameter.stride():
        return gradient  # torch refuses another shape
    return torch.empty_like(parameter).copy_(gradient)
