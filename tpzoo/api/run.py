"""A run, opened again from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import nn

from tpzoo.api.predictions import Predictions, predict
from tpzoo.api.table import Table, metrics_table, table_of
from tpzoo.errors import CheckpointError
from tpzoo.report.learning import draw_run
from tpzoo.report.runs import run_folders
from tpzoo.runner import folder
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.saved import Evaluation, evaluate_run
from tpzoo.runner.summary import Summary
from tpzoo.runner.trained import Trained, rebuild

if TYPE_CHECKING:
    from omegaconf import DictConfig

EVENTS = ("step", "probe", "epoch", "rate", "time", "detail")


class Run:
    """A run in its folder: what it was, what it measured, and the network that it trained.

    Attributes:
        path: its folder.
    """

    def __init__(self, path: Path | str) -> None:
        self._where = folder.reopen(Path(path))
        self.path = self._where.path

    @property
    def config(self) -> DictConfig:
        """The resolved config, read-only: ``run.config.optimizer.forward.lr``."""
        from omegaconf import DictConfig, OmegaConf

        found = OmegaConf.load(self.path / "config.yaml")
        assert isinstance(found, DictConfig)
        OmegaConf.set_readonly(found, True)
        return found

    @property
    def name(self) -> str:
        """What the config calls it."""
        return str(self.config.name)

    @property
    def seed(self) -> int:
        """Of its random streams."""
        return int(self.config.seed)

    @property
    def config_hash(self) -> str:
        """Ten hex digits that two runs share if nothing that changes results differs in their configs."""
        return self._where.config_hash()

    @property
    def status(self) -> str:
        """``running``, ``done``, ``failed`` or ``interrupted``; empty if the folder does not say."""
        return self._where.status()

    @property
    def summary(self) -> Summary:
        """What it came to.

        Raises:
            DataError: it has not ended yet, or the file is damaged.
        """
        return self._where.summary()

    @property
    def blocks(self) -> list[str]:
        """The names of its network's blocks, from the input to the output."""
        return list(self._where.environment().get("blocks", []))

    @property
    def checkpoints(self) -> list[str]:
        """The labels of the checkpoints that it holds: ``last``, ``best``, ``epoch-0010``."""
        return sorted(Checkpoints(self.path / "checkpoints", self.config_hash).labels())

    def metrics(self, event: str = "epoch") -> Table:
        """What it logged, a row for each time: ``epoch``, ``step``, ``seconds``, and a column for each figure.

        Args:
            event: ``epoch`` (losses and accuracies), ``step`` (within an epoch), ``probe``, ``rate``, ``time``,
                ``detail``.

        Raises:
            ValueError: there is no such event.
            DataError: it has no metrics.
        """
        if event not in EVENTS:
            raise ValueError(f"there is no event '{event}': choose from {', '.join(EVENTS)}")
        return metrics_table(self.path, event)

    def network(
        self,
        checkpoint: str = "best",
        *,
        device: str = "cpu",
        plugins: Sequence[str] = (),
        changed_plugin: bool = False,
    ) -> nn.Module:
        """Its network with the weights of a checkpoint, an ordinary module in evaluation mode, for prepared inputs.

        Args:
            checkpoint: ``best``, ``last`` or ``epoch-N``; of a run that kept no best one, ``best`` is the last.
            device: where it lies.
            plugins: further plugins that its config needs.
            changed_plugin: build it though the code of a plugin changed.

        Raises:
            TpzooError: a checkpoint is missing or damaged, or a plugin is gone or changed.
        """
        return self._rebuilt(checkpoint, device, plugins, changed_plugin).engine.network

    def prepare(self, x: Any, checkpoint: str = "best") -> Any:
        """Raw examples (examples, ...) as the inputs of :meth:`network`: scaled and normalised as in training."""
        found = self._rebuilt(checkpoint)
        return found.preparation.prepare(torch.as_tensor(x), found.dtype)

    def predict(
        self, x: Any, checkpoint: str = "best", *, device: str = "cpu", plugins: Sequence[str] = ()
    ) -> Predictions:
        """What its network says of raw examples, prepared as in training.

        Args:
            x: (examples, ...) as the data set stores them: uint8 pixels or floating point values, a tensor or array.

        Raises:
            DataError: they are not of the shape that the network takes.
        """
        found = self._rebuilt(checkpoint, device, plugins)
        return predict(found, x, found.loaded.experiment.evaluation_batch_size)

    def _rebuilt(
        self, checkpoint: str, device: str = "cpu", plugins: Sequence[str] = (), changed_plugin: bool = False
    ) -> Trained:
        return rebuild(self.path, checkpoint, device, plugins, changed_plugin)

    def evaluate(
        self,
        checkpoint: str = "last",
        split: str = "test",
        *overrides: str,
        plugins: Sequence[str] = (),
        other_data: bool = False,
        changed_plugin: bool = False,
        probes: Sequence[str] = (),
    ) -> Evaluation:
        """Score a checkpoint on a split of its data; arguments and errors are those of ``tpzoo evaluate``."""
        return evaluate_run(self.path, checkpoint, split, overrides, plugins, other_data, changed_plugin, probes)

    def resume(self, **options: Any) -> Run:
        """Go on with it, if it was stopped; options are those of :func:`tpzoo.train`, without a config.

        Raises:
            KeyboardInterrupt: it was interrupted again; a checkpoint is saved.
        """
        from tpzoo.api.train import resume

        return resume(self.path, **options)

    def plot(self, file: Path | str | None = None) -> Path:
        """Draw its learning curve, and the angles of ``bp_angle`` if it has them; default: its ``plot.png``."""
        return draw_run(self.path, Path(file) if file is not None else self.path / "plot.png")

    def export(self, out: Path | str, checkpoint: str = "best", *, plugins: Sequence[str] = ()) -> Path:
        """Write what somebody without tpzoo needs to use its network; see :func:`tpzoo.api.export.export`."""
        from tpzoo.api.export import export

        found = self._rebuilt(checkpoint, "cpu", plugins)
        return export(found, Path(out), f"{self.name} after epoch {found.epoch}")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status or 'no status'})"


class Runs(Sequence[Run]):
    """Runs, in the order of their folders."""

    def __init__(self, found: Sequence[Run]) -> None:
        self._found = list(found)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._found[index]) if isinstance(index, slice) else self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def table(self) -> Table:
        """A row for each: folder, name, status, and what its summary says; NaN where it has not ended."""
        return table_of([_row(run) for run in self])

    def __repr__(self) -> str:
        return f"Runs({len(self)})"


def _row(run: Run) -> dict[str, Any]:
    ended = run.status not in ("", "running")
    summary = asdict(run.summary) if ended and (run.path / "summary.json").is_file() else {}
    summary.pop("schema", None)
    return {
        "folder": str(run.path), "name": run.name, **summary, "status": run.status, "seed": run.seed,
        "config_hash": run.config_hash,
    }  # fmt: skip


def open_run(path: Path | str) -> Run:
    """The run in a folder.

    Raises:
        CheckpointError: no run was ever started there.
    """
    return Run(path)


def runs(place: Path | str = "runs") -> Runs:
    """All runs in a folder, at any depth.

    Raises:
        CheckpointError: there is no such folder.
    """
    if not Path(place).is_dir():
        raise CheckpointError(f"there is no folder {place}", "give a folder of runs")
    return Runs([Run(path) for path in run_folders(Path(place), []) if (path / "config.yaml").is_file()])
