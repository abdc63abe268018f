"""The table of results: test errors at the epoch that the validation data choose (Meulemans et al. 2020, tables 1, 2).

The paper's protocol: of every run, the epoch with the best validation accuracy; of a method, mean and standard
deviation over its seeds. The test data choose nothing. Runs that are not done enter no mean of a method that has some
which are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tpzoo.report.document import DASH, Grid, Section, Table, fixed, short
from tpzoo.report.methods import Method, differing_settings, joined
from tpzoo.report.metrics import Series
from tpzoo.report.runs import Run
from tpzoo.report.statistics import Moments, moments

ACCURACY, LOSS = "best validation accuracy", "lowest validation loss"
LAST, ODD = "last epoch: no validation data", "last epoch: no validation metric is a number"
NONE = "no epoch completed"

MEANINGS = {
    LAST: "Without validation data, so that the last epoch stands for the best",
    ODD: "Without a validation metric that is a number, so that the last epoch stands for the best",
    NONE: "Without a completed epoch",
}
"""What is said of the methods with a run whose epoch no validation data chose."""


@dataclass(frozen=True)
class Outcome:
    """What a run reached; None where it has no such metric.

    Attributes:
        chosen_by: what chose the epoch.
        epoch: the chosen one; of equal ones the first.
        test: in that epoch, the test error in per cent, or for a regression the test loss.
        last_test: the same, after the last epoch.
        balanced: in the chosen epoch, the balanced test error in per cent: the mean over classes of their errors.
        r2: in the chosen epoch, of a regression the mean R^2 of its targets on the test data.
        train_loss: in that epoch, the mean over its training pass.
    """

    run: Run
    chosen_by: str
    epoch: int | None
    test: float | None
    last_test: float | None
    train_loss: float | None
    balanced: float | None = None
    r2: float | None = None

    @property
    def checkpoint(self) -> str:
        """The label of a checkpoint of the chosen epoch; empty if there is none."""
        return (self.run.kept or {}).get(self.epoch or -1, "")

    @property
    def is_gone(self) -> bool:
        """Whether the run keeps checkpoints, and none of the chosen epoch."""
        return self.run.kept is not None and self.epoch is not None and not self.checkpoint


def outcome(run: Run) -> Outcome:
    """Choose the epoch of a run, on validation data only, and read its figures."""
    accuracy, loss = values(run, "valid_accuracy"), values(run, "valid_loss")
    regression = is_regression(run)
    test = values(run, "test_loss") if regression else errors(values(run, "test_accuracy"))
    last = max((series.epochs[-1] for series in run.epochs.values()), default=None)
    epoch: int | None
    if accuracy and not regression and _monitor(run) != "valid_loss":
        chosen_by, epoch = ACCURACY, min(accuracy, key=lambda each: (-accuracy[each], each))
    elif loss and (regression or _monitor(run) == "valid_loss"):
        chosen_by, epoch = LOSS, min(loss, key=lambda each: (loss[each], each))
    elif last is None:
        chosen_by, epoch = NONE, None
    else:
        chosen_by, epoch = (ODD if any(name.startswith("valid_") for name in run.epochs) else LAST), last
    at = -1 if epoch is None else epoch
    balanced = errors(values(run, "test_balanced_accuracy")).get(at)
    train_loss = values(run, "train_loss").get(at)
    r2 = values(run, "test_r2").get(at)
    return Outcome(run, chosen_by, epoch, test.get(at), test.get(last or -1), train_loss, balanced, r2)


def _monitor(run: Run) -> Any:
    """What the run itself took for the best."""
    checkpoint = run.config.get("checkpoint")
    return checkpoint.get("monitor") if isinstance(checkpoint, dict) else None


def values(run: Run, name: str) -> dict[int, float]:
    """The finite values of a metric by epoch."""
    series = run.epochs.get(name, Series([], [], []))
    pairs = zip(series.epochs, series.values, strict=True)
    return {epoch: value for epoch, value in pairs if math.isfinite(value)}


def errors(accuracies: dict[int, float]) -> dict[int, float]:
    """Accuracies of 0..1 as errors in per cent."""
    return {epoch: 100 - 100 * accuracy for epoch, accuracy in accuracies.items()}


def is_regression(run: Run) -> bool:
    """Whether the run has losses but no accuracies."""
    return not any(name.endswith("_accuracy") for name in run.epochs) and bool(run.epochs)


def epoch_seconds(run: Run) -> float | None:
    """What an epoch took, mean over the run: its training passes alone, feedback passes included, without pre-training.

    As ``seconds_per_epoch`` of ``summary.json``; None if the run does not say.
    """
    passes = [
        (epoch, value)
        for series in run.times.values()
        for epoch, value in zip(series.epochs, series.values, strict=True)
        if 1 <= epoch <= run.epoch and math.isfinite(value)
    ]
    return sum(value for _, value in passes) / len({epoch for epoch, _ in passes}) if passes else None


@dataclass(frozen=True)
class Result:
    """What a method reached.

    Attributes:
        outcomes: of all runs, also of those that do not count.
    """

    method: Method
    outcomes: list[Outcome]

    @property
    def unit(self) -> str:
        """``error (%)`` or, for a regression, ``loss``."""
        return "loss" if is_regression(self.method.counted[0]) else "error (%)"

    @property
    def counted(self) -> list[Outcome]:
        """The outcomes that means are of."""
        return [each for each in self.outcomes if each.run in self.method.counted]

    @property
    def chosen_by(self) -> str:
        """What chose the epochs."""
        return "; ".join(dict.fromkeys(each.chosen_by for each in self.counted))

    @property
    def seconds(self) -> float | None:
        """Mean seconds of an epoch's training passes, over epochs and seeds."""
        return moments(epoch_seconds(run) for run in self.method.counted).mean

    @property
    def majority(self) -> float | None:
        """The test error of always saying the commonest class of the training data."""
        return moments(run.baseline for run in self.method.counted).mean

    def over_seeds(self, name: str) -> Moments:
        """The moments of a metric of :class:`Outcome`, over the runs that count."""
        return moments(getattr(each, name) for each in self.counted)

    @property
    def seeds(self) -> str:
        """How many runs the test metric is a mean of: ``3``, ``2 of 4``, or ``1 of 2, none done``."""
        n, runs = self.over_seeds("test").n, len(self.method.runs)
        return (str(n) if n == runs else f"{n} of {runs}") + ("" if self.method.is_done else ", none done")


def section(methods: Sequence[Method]) -> Section:
    """The table of results, one row for a method, and a file with one row for a run."""
    results = [Result(method, [outcome(run) for run in method.runs]) for method in methods]
    grids = [_grid(chosen) for unit in ("error (%)", "loss") if (chosen := [r for r in results if r.unit == unit])]
    settings = differing_settings(methods)
    return Section(
        "Results",
        text=list(_text(results)),
        grids=grids,
        notes=[f"{r.method.label}: {said}" for r in results if (said := joined(r.method.runs))],
        tables=[_methods_table(results, settings), _runs_table(results, settings)],
    )


def _text(results: Sequence[Result]) -> Iterable[str]:
    yield (
        "The epoch of every run is chosen by its validation data alone: the best validation accuracy (for a regression,"
        " and with checkpoint.monitor=valid_loss, the lowest validation loss), of equal epochs the first. Means ±"
        f" standard deviation (n - 1) over the seeds; {DASH} where there are too few. The train loss is the mean over"
        " that epoch's training pass, while the weights moved. Seconds per epoch are of training passes alone, those of"
        " the feedback included, without pre-training, evaluation, probes and checkpoints: means over epochs and seeds."
    )
    if any(each.balanced is not None for result in results for each in result.counted):
        yield (
            "Balanced: the mean over classes of their test errors, in the chosen epoch. Majority: the test error of"
            " always saying the class that has most training examples."
        )
    if any(each.r2 is not None for result in results for each in result.counted):
        yield (
            "R^2: the mean over targets, in the chosen epoch, on the test data. Losses of scaled and of unscaled"
            " targets are not in one unit; R^2 is."
        )
    for chosen_by, meaning in MEANINGS.items():
        found = [r.method.label for r in results if any(each.chosen_by == chosen_by for each in r.counted)]
        if found:
            yield f"{meaning}: {', '.join(found)}."
    if gone := [f"{each.run.folder} (epoch {each.epoch})" for r in results for each in r.outcomes if each.is_gone]:
        yield f"The weights of the chosen epoch are not kept; nothing more can be measured of it: {', '.join(gone)}."
    yield from (_unfinished(result.method) for result in results if result.method.unfinished)


def _unfinished(method: Method) -> str:
    named = ", ".join(f"{run.folder} ({run.status}, {_progress(run)})" for run in method.unfinished)
    if method.is_done:
        return f"Not done, and in no number of {method.label}: {named}."
    count, furthest = len(method.counted), _progress(method.counted[0])
    return (
        f"No run of {method.label} is done; its figures are of the"
        f" {'one' if count == 1 else count} with the most epochs, {furthest}: {named}."
    )


def _progress(run: Run) -> str:
    return f"{run.epoch} of {run.config.get('epochs', '?')} epochs"


def _grid(results: Sequence[Result]) -> Grid:
    unit = results[0].unit
    several = len({result.method.data for result in results}) > 1
    balanced = any(result.over_seeds("balanced").mean is not None for result in results)
    fitted = any(result.over_seeds("r2").mean is not None for result in results)
    columns = ["method", *(["data"] if several else []), f"test {unit} at the best epoch", f"last test {unit}",
               *(["balanced", "majority"] if balanced else []), *(["R^2"] if fitted else []),
               "train loss", "best epoch", "s per epoch", "epochs", "seeds"]  # fmt: skip
    rows = []
    for result in results:
        number: Callable[[float | None], str] = short if unit == "loss" else fixed
        epochs = [each.epoch for each in result.counted if each.epoch is not None]
        rows.append([
            result.method.label,
            *([result.method.data] if several else []),
            _plus_minus(result.over_seeds("test"), number),
            _plus_minus(result.over_seeds("last_test"), number),
            *([fixed(result.over_seeds("balanced").mean), fixed(result.majority)] if balanced else []),
            *([_plus_minus(result.over_seeds("r2"), short)] if fitted else []),
            _plus_minus(result.over_seeds("train_loss"), short),
            ", ".join(map(str, epochs)) or DASH,
            short(result.seconds, 3),
            result.method.epochs,
            result.seeds,
        ])  # fmt: skip
    return Grid(columns, rows)


def _plus_minus(found: Moments, number: Callable[[float | None], str]) -> str:
    spread = fixed(found.sd) if number is fixed else short(found.sd, 2)
    return f"{number(found.mean)} ± {spread}"


def _methods_table(results: Sequence[Result], settings: Sequence[str]) -> Table:
    figures = ("test", "last_test", "balanced", "r2", "train_loss", "epoch")
    columns = [
        "method", "data", "measure", "chosen_by",
        *(f"{name}_{part}" for name in figures for part in ("mean", "sd", "n")),
        "majority", "seconds_per_epoch", "epochs", "seeds", "runs", "done", *settings,
    ]  # fmt: skip
    rows = []
    for result in results:
        found = [result.over_seeds(name) for name in figures]
        numbers = [cell for each in found for cell in (each.mean, each.sd, each.n)]
        method = result.method
        rows.append(
            [method.label, method.data, result.unit, result.chosen_by, *numbers, result.majority, result.seconds,
             method.epochs, len(method.counted), len(method.runs),
             len(method.runs) - len(method.unfinished), *_cells(method, settings)]
        )  # fmt: skip
    return Table("results", "one row for a method", columns, rows)


def _cells(method: Method, settings: Sequence[str]) -> list[Any]:
    """A method's settings; a list or a mapping as JSON, nothing where it has no such setting."""
    found = [method.settings.get(key) for key in settings]
    return [json.dumps(value) if isinstance(value, dict | list) else value for value in found]


def _runs_table(results: Sequence[Result], settings: Sequence[str]) -> Table:
    columns = ["method", "seed", "split_seed", "folder", "status", "epochs", "chosen_by", "best_epoch", "measure",
               "test", "last_test", "balanced", "majority", "r2", "train_loss", "seconds_per_epoch", "counted",
               "checkpoint", *settings]  # fmt: skip
    rows = []
    for result in results:
        for each in result.outcomes:
            run = each.run
            rows.append([result.method.label, *run.seed, str(run.folder), run.status, run.epoch, each.chosen_by,
                         each.epoch, result.unit, each.test, each.last_test, each.balanced, run.baseline,
                         each.r2, each.train_loss, epoch_seconds(run), int(run in result.method.counted),
                         each.checkpoint, *_cells(result.method, settings)])  # fmt: skip
    return Table("runs", "one row for a run", columns, rows)
