"""A picture of one run: its learning curve, and the angle between each block's update and backprop's.

python -m tpzoo.report.picture RUN_FOLDER picture.png
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tpzoo.errors import DataError, TpzooError
from tpzoo.report.metrics import Series, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANGLE = "bp_angle/"


def draw(run: Path, out: Path) -> Path:
    """Draw the run in folder ``run`` into the file ``out``; its ending decides the format (png, svg, pdf).

    Raises:
        DataError: the run has no metrics, or matplotlib knows no such format.
    """
    import matplotlib

    matplotlib.use("Agg")  # no window is wanted, and none may be there
    from matplotlib import pyplot

    epochs, probes = read_metrics(run, "epoch"), read_metrics(run, "probe")
    angles = {name.removeprefix(ANGLE): series for name, series in probes.items() if name.startswith(ANGLE)}
    figure, axes = pyplot.subplots(1, 2 if angles else 1, figsize=(10 if angles else 5, 4), squeeze=False)
    try:
        draw_learning_curve(axes[0][0], epochs)
        if angles:
            draw_angles(axes[0][1], angles)
        figure.tight_layout()
        figure.savefig(out, dpi=120)
    except ValueError as error:
        raise DataError(f"{out} cannot be drawn: {error}", "let its name end in .png, .svg or .pdf") from error
    finally:
        pyplot.close(figure)
    return out


def draw_learning_curve(axes: Axes, series: Mapping[str, Series]) -> None:
    """Accuracies in per cent over the epochs; losses where there are no accuracies."""
    accuracies = {name: each for name, each in series.items() if name.endswith("accuracy")}
    chosen = accuracies or {name: each for name, each in series.items() if name.endswith("loss")}
    for name, each in chosen.items():
        scale = 100 if accuracies else 1
        label = name.replace("_accuracy", "").replace("_", " ")
        axes.plot(each.epochs, [scale * value for value in each.values], marker=".", label=label)
    axes.set(xlabel="epoch", ylabel="accuracy (%)" if accuracies else "loss", title="learning curve")
    axes.grid(alpha=0.3)
    if chosen:
        axes.legend()


def draw_angles(axes: Axes, series: Mapping[str, Series]) -> None:
    """Degrees by block over the training steps; 90 is no agreement at all."""
    for name, each in series.items():
        axes.plot(each.steps, each.values, label=name)
    axes.axhline(90, color="grey", linestyle=":", linewidth=1, label="no agreement")
    axes.set(xlabel="step", ylabel="degrees", title="angle of each block's update to backprop", ylim=(-3, None))
    axes.grid(alpha=0.3)
    axes.legend()


def main(words: list[str]) -> int:
    """The command line of this module; returns its exit code."""
    if len(words) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(f"learning curve and angles: {draw(Path(words[0]), Path(words[1]))}")
    except TpzooError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
