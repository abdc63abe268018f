"""Where an update moves the output, for a figure of output space (Meulemans et al. 2020, output-space figure).

For the first samples of the batch: the output before the step, the label, and the change of the output that a step of
gradient descent makes, per unit of its learning rate, as that rate goes to zero: -J g, with g the update of all blocks
and J the exact derivative, in float64. The paper draws it half as long as the way from the output to the label. Beside
it the angle between the change and that way, over all components of the output: the paper's claim in one number.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Probe, Snapshot, angle, one_hot, output_change
from tpzoo.zoo.probes.plugin import OutputStepSettings

COMPONENTS = 2


@final
class OutputStep(Probe):
    """``0/output_0``, ``0/output_1``, ``0/label_0``, ``0/label_1``, ``0/change_0``, ``0/change_1``: sample, component.

    And ``0/angle``, in degrees between change and label - output, over all components; of output, label and change only
    the first two are recorded. Classes have one-hot labels. A batch of fewer samples gives as many as it has.

    Averages: none; the first ``samples`` of the batch, each by itself. The update is that of the whole batch.
    Blocks: the updates of all that are trained, together.
    Weights: all parameters, biases included; the change is taken in float64.
    Updates: raw, as the run's update makes them.
    Zeros: the angle is NaN if the change or the way is zero.
    """

    def __init__(self, settings: OutputStepSettings) -> None:
        self.every = settings.every
        self._samples = settings.samples

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        out = snapshot.clean_trace().output.flatten(1)
        change = -output_change(snapshot.network, snapshot.batch.x, snapshot.gradients)
        kinds = {"output": out.double(), "label": _label(snapshot.batch.y, out).double(), "change": change.flatten(1)}
        found = {}
        for sample in range(min(self._samples, out.shape[0])):
            for kind, values in kinds.items():
                for component in range(min(COMPONENTS, out.shape[1])):
                    found[f"{sample}/{kind}_{component}"] = values[sample, component].double()
            own = {kind: values[sample] for kind, values in kinds.items()}
            found[f"{sample}/angle"] = angle(own["change"], own["label"] - own["output"])
        return found


def _label(y: Tensor, out: Tensor) -> Tensor:
    """Labels (batch, n_L): values as they are, classes as one-hot rows."""
    if y.is_floating_point():
        return y.reshape(out.shape)
    return one_hot(y, out.double())
