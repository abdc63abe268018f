"""Activations by name, each with the difference f(a + d) - f(a) taken without cancellation.

Displacements may be 1e-5 of the activations: subtracting two float32 activations would leave no digits of them.
The subtraction is the definition that every difference here is tested against, in float64.
"""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo.errors import SettingError
from tpzoo.plugin.names import ACTIVATION_NAMES


class Activation(nn.Module, abc.ABC):
    """An elementwise nonlinearity f.

    Attributes:
        keeps_zero: whether f(0) = 0.
    """

    keeps_zero: bool = True

    @abc.abstractmethod
    def forward(self, a: Tensor) -> Tensor:
        """f(a)."""

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        """f(a + d) - f(a), like ``a``."""
        return self(a + d) - self(a)


class Linear(Activation):
    """The identity."""

    def forward(self, a: Tensor) -> Tensor:
        return a

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        return d


class Tanh(Activation):
    """tanh. The difference is tanh(d) (1 - tanh(a) tanh(a + d)), by the addition theorem."""

    def forward(self, a: Tensor) -> Tensor:
        return a.tanh()

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        return d.tanh() * (1 - a.tanh() * (a + d).tanh())


class Sigmoid(Activation):
    """The logistic function, (1 + tanh(a / 2)) / 2, and its difference from that of tanh."""

    keeps_zero = False

    def forward(self, a: Tensor) -> Tensor:
        return a.sigmoid()

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        return (d / 2).tanh() * (1 - (a / 2).tanh() * ((a + d) / 2).tanh()) / 2


class Elu(Activation):
    """ELU with alpha 1. Both ends positive: d; both negative: exp(a) expm1(d), from the upper end downwards."""

    def forward(self, a: Tensor) -> Tensor:
        return F.elu(a)

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        moved = a + d
        # The clamps keep the branch that is not taken finite, and with it its gradient.
        falling = a.clamp(max=0).exp() * d.clamp(max=0).expm1()
        rising = -moved.clamp(max=0).exp() * (-d).clamp(max=0).expm1()
        below = torch.where(d > 0, rising, falling)
        across = F.elu(moved) - F.elu(a)
        return torch.where((a > 0) & (moved > 0), d, torch.where((a <= 0) & (moved <= 0), below, across))


class Relu(Activation):
    """ReLU. Both ends positive: d. Across the kink nothing cancels, since |d| >= |a|."""

    def forward(self, a: Tensor) -> Tensor:
        return a.relu()

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        moved = a + d
        return torch.where((a > 0) & (moved > 0), d, moved.relu() - a.relu())


class LeakyRelu(Activation):
    """Leaky ReLU with slope 0.2 (Meulemans et al. 2020)."""

    slope = 0.2

    def forward(self, a: Tensor) -> Tensor:
        return F.leaky_relu(a, self.slope)

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        moved = a + d
        same = torch.where(a > 0, d, self.slope * d)
        return torch.where((a > 0) == (moved > 0), same, self(moved) - self(a))


class HardSigmoid(Activation):
    """clip(a / 6 + 1/2, 0, 1), torch's hard sigmoid; its difference is that of a / 6, clipped at both ends."""

    keeps_zero = False

    def forward(self, a: Tensor) -> Tensor:
        return F.hardsigmoid(a)

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        moved = a + d
        inside = (a.abs() < 3) & (moved.abs() < 3)
        return torch.where(inside, d / 6, F.hardsigmoid(moved) - F.hardsigmoid(a))


class Gelu(Activation):
    """GELU, a Phi(a) with the normal distribution Phi.

    The difference is d Phi(a + d) + a (Phi(a + d) - Phi(a)); for |d| < 1/2 that of Phi is d times the mean density
    between a and a + d, by Gauss and Legendre's rule with five points (its error is below 1e-13 there).
    """

    nodes = (0.0, 0.5384693101056831, 0.9061798459386640)
    weights = (0.2844444444444444, 0.2393143352496832, 0.1184634425280945)

    def forward(self, a: Tensor) -> Tensor:
        return F.gelu(a)

    def difference(self, a: Tensor, d: Tensor) -> Tensor:
        middle, half = a + d / 2, d / 2
        mean = self.weights[0] * _density(middle)
        for node, weight in zip(self.nodes[1:], self.weights[1:], strict=True):
            mean = mean + weight * (_density(middle + node * half) + _density(middle - node * half))
        risen = torch.where(d.abs() < 0.5, d * mean, torch.special.ndtr(a + d) - torch.special.ndtr(a))
        return d * torch.special.ndtr(a + d) + a * risen


def _density(a: Tensor) -> Tensor:
    return (-a.square() / 2).exp() / math.sqrt(2 * math.pi)


ACTIVATIONS: dict[str, type[Activation]] = dict(
    zip(ACTIVATION_NAMES, (Linear, Tanh, Sigmoid, Elu, Relu, LeakyRelu, HardSigmoid, Gelu), strict=True)
)


def activation(name: str) -> Activation:
    """The activation of that name.

    Raises:
        SettingError: there is none; the message lists them.
    """
    if name not in ACTIVATIONS:
        raise SettingError(f"there is no activation '{name}'", f"choose from {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()
