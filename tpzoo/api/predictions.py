"""What a run's network says of raw examples, and raw examples out of files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tpzoo.engine.images import Normalise
from tpzoo.errors import DataError
from tpzoo.files import write_atomic
from tpzoo.runner.trained import Trained


@dataclass(frozen=True)
class Predictions:
    """What a network says of examples.

    Attributes:
        output: as it is, (examples, classes or values); of a regression in the units of its labels.
        classes: (examples,) of int64; None for a regression.
        probabilities: the softmax of the output, (examples, classes); None for a regression.
    """

    output: Tensor
    classes: Tensor | None
    probabilities: Tensor | None

    def write(self, path: Path) -> None:
        """Write a csv: example, class and its probability; of a regression example and every value."""
        file = io.StringIO(newline="")
        rows = csv.writer(file, lineterminator="\n")
        if self.classes is None or self.probabilities is None:
            rows.writerow(["example", *(f"value_{i}" for i in range(self.output.shape[1]))])
            rows.writerows([i, *values] for i, values in enumerate(self.output.tolist()))
        else:
            chosen = self.probabilities.gather(1, self.classes[:, None])[:, 0]
            rows.writerow(["example", "class", "probability"])
            pairs = zip(self.classes.tolist(), chosen.tolist(), strict=True)
            rows.writerows([i, number, probability] for i, (number, probability) in enumerate(pairs))
        write_atomic(path, file.getvalue())


@torch.no_grad()
def predict(trained: Trained, x: Any, batch_size: int) -> Predictions:
    """What the network says of raw examples.

    Args:
        x: (examples, ...) as the data set stores them: uint8 pixels or floating point values; a tensor or an array.

    Raises:
        DataError: they are not of the shape that the network takes.
    """
    raw = torch.as_tensor(x)
    spec, outs = trained.preparation.spec, []
    for part in torch.split(raw.to(trained.device), batch_size):
        try:
            prepared = trained.preparation.prepare(part, trained.dtype)
        except RuntimeError:  # statistics of another size
            prepared = part
        if tuple(prepared.shape[1:]) != spec.input_shape:
            what = f"examples of shape {tuple(raw.shape[1:])} become {tuple(prepared.shape[1:])}"
            raise DataError(
                what, f"the network takes {spec.input_shape}: give (examples, ...) as the data set has them"
            )
        outs.append(trained.engine.network(prepared))
    out = torch.cat(outs) if outs else torch.zeros(0, spec.output_size)
    if spec.task == "classification":
        return Predictions(out, out.argmax(1), out.softmax(1))
    scale = trained.preparation.scale_targets
    if isinstance(scale, Normalise):
        out = out * scale.std.to(out) + scale.mean.to(out)
    return Predictions(out, None, None)


def read_examples(path: Path) -> Any:
    """The examples in a file: an array in ``.npy``, or in ``.npz`` as ``x`` or alone; pickles are not read.

    Raises:
        DataError: there is no such file, or it holds something else.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path} holds no array of numpy: {error}", "give a .npy file, or a .npz with an array x"
        ) from error
    if isinstance(found, np.ndarray):
        return found
    names = list(found)
    if "x" not in names and len(names) != 1:
        raise DataError(f"{path} holds {', '.join(names) or 'nothing'}", "give a .npz with one array, or one called x")
    return found["x" if "x" in names else names[0]]
