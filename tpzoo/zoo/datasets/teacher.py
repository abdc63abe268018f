"""Student and teacher: regression of the outputs of a fixed random network (Meulemans et al. 2020, section 7).

Inputs are uniform in (-1, 1). The teacher has ReLU layers and a linear output, weights drawn with Xavier's normal
initialisation and gain 3, biases of zero. Everything is drawn from ``seed``, whatever the seed of the run.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from tpzoo import Data, DataSpec, Split, hold_out
from tpzoo.errors import SettingError
from tpzoo.zoo.datasets.plugin import TeacherSettings

ELSEWHERE = ("root", "download", "validation", "stratified", "split_seed")
"""Settings that do not change what is generated."""


def build(settings: TeacherSettings) -> Data:
    """Inputs (count, inputs) and the teacher's outputs (count, outputs).

    Raises:
        SettingError: more is to be held out of the training examples than there are (``validation`` from the training
            set, besides the validation set of ``valid_count``).
    """
    generator = torch.Generator().manual_seed(settings.seed)
    weights = draw_weights([settings.inputs, *settings.hidden, settings.outputs], settings.gain, generator)
    counts = (settings.train_count, settings.valid_count, settings.test_count)
    train, valid, test = (_examples(count, settings.inputs, weights, generator) for count in counts)
    if settings.validation and len(valid):
        raise SettingError(
            "the teacher draws its own validation set", "set data.validation=0, or data.valid_count=0 to hold out"
        )
    train, held = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    spec = DataSpec((settings.inputs,), settings.outputs, "regression")
    generated = {key: value for key, value in vars(settings).items() if key not in ELSEWHERE}
    return Data(spec, train, test, valid if len(valid) else held, stored={"teacher": generated})


def draw_weights(widths: list[int], gain: float, generator: torch.Generator) -> list[Tensor]:
    """One matrix (out, in) for each layer, with standard deviation gain sqrt(2 / (in + out))."""
    return [
        torch.randn(n_out, n_in, generator=generator, dtype=torch.float64) * gain * math.sqrt(2 / (n_in + n_out))
        for n_in, n_out in itertools.pairwise(widths)
    ]


def answer(x: Tensor, weights: list[Tensor]) -> Tensor:
    """The teacher's output (batch, outputs) for ``x`` (batch, inputs)."""
    for weight in weights[:-1]:
        x = (x @ weight.T).relu()
    return x @ weights[-1].T


def _examples(count: int, inputs: int, weights: list[Tensor], generator: torch.Generator) -> Split:
    x = torch.rand(count, inputs, generator=generator, dtype=torch.float64) * 2 - 1
    return Split(x, answer(x, weights))
