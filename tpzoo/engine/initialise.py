"""Weight initialisations by name, for forward and feedback matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from tpzoo.errors import SettingError
from tpzoo.plugin.names import INITIALISATION_NAMES


def orthogonal(weight: Tensor) -> None:
    """Orthogonal with gain sqrt(6 / (n_in + n_out)) (Meulemans et al. 2020)."""
    nn.init.orthogonal_(weight, gain=math.sqrt(6 / (weight.shape[0] + weight[0].numel())))


INITIALISATIONS: dict[str, Callable[[Tensor], Any]] = dict(
    zip(INITIALISATION_NAMES[1:], (nn.init.xavier_normal_, nn.init.xavier_uniform_, orthogonal), strict=True)
)


def initialise(layer: Any, name: str) -> None:
    """Initialise ``layer.weight`` by name and set ``layer.bias`` to zero; ``torch`` keeps the constructor's values.

    Raises:
        SettingError: there is no initialisation of that name.
    """
    if name == "torch":
        return
    if name not in INITIALISATIONS:
        raise SettingError(f"there is no initialisation '{name}'", f"choose from {', '.join(INITIALISATION_NAMES)}")
    INITIALISATIONS[name](layer.weight)
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)
