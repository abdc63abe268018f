"""Noise that was made beforehand, for a step to use in place of what it would draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Generator

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Edge
from tpzoo.engine.learner import Learner, LossLearner, Noise
from tpzoo.engine.network import Trace
from tpzoo.errors import SettingError


class GivenNoise:
    """Noise by edge, one for each step of the edge; shapes and dtypes are those of what the learner would draw."""

    def __init__(self, noise: Mapping[str, Sequence[Noise]], learner: Learner, device: torch.device) -> None:
        self._left = {name: list(each) for name, each in noise.items()}
        self._learner, self._device = learner, device

    def __call__(self, edge: Edge, trace: Trace) -> Noise:
        """The next noise of that edge.

        Raises:
            SettingError: there is none left, or it has not the form of what is drawn.
        """
        left = self._left.get(edge.name)
        if not left:
            raise SettingError(f"no noise is left for edge '{edge.name}'", "give one for each of its feedback steps")
        given = left.pop(0)
        if isinstance(self._learner, LossLearner):
            like = self._learner.noise(edge, trace, Draw(Generator(self._device).manual_seed(0)))
            expected, got = _described(like), _described(given)
            if got != expected:
                raise SettingError(f"the noise for edge '{edge.name}' is {got}, and its learner draws {expected}")
        return given

    def require_used_up(self) -> None:
        """Raise :class:`SettingError` if some noise was not asked for."""
        if unused := [name for name, left in self._left.items() if left]:
            raise SettingError(f"noise was given that no feedback step used: {', '.join(unused)}")


def _described(noise: Noise) -> str:
    if not isinstance(noise, Sequence) or not all(isinstance(each, torch.Tensor) for each in noise):
        return f"a {type(noise).__name__}"
    return f"({', '.join(f'{each.dtype} {tuple(each.shape)} on {each.device}' for each in noise)})".replace(
        "torch.", ""
    )
