"""One run from its first file to its last: folder, checkpoints, signals, summary."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from tpzoo.assembly.method import choose
from tpzoo.config import LoadedConfig, load
from tpzoo.engine.logger import Logger, RunInfo
from tpzoo.errors import CheckpointError, PluginError
from tpzoo.files import remove_unfinished
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.source import sources_of
from tpzoo.runner import environment, folder
from tpzoo.runner.build import Built, build
from tpzoo.runner.checkpoint import Checkpoints, put_back, unreadable, weights_of
from tpzoo.runner.code import go_on, keep_files, plugins_used, require_same_code, session
from tpzoo.runner.data_identity import require_same_data
from tpzoo.runner.data_summary import baseline, record_of
from tpzoo.runner.device import choose_device
from tpzoo.runner.folder import RunFolder, Status
from tpzoo.runner.history import best_by_then, copy_run, require_last
from tpzoo.runner.lengthen import is_longer, lengthened
from tpzoo.runner.loop import Training
from tpzoo.runner.manifest import checkpoint_names, require_logs
from tpzoo.runner.plan import Phase
from tpzoo.runner.start import start_from
from tpzoo.runner.summary import Summary
from tpzoo.runner.threads import to_go_on_with, using


def train(loaded: LoadedConfig, catalogue: Catalogue, **options: Any) -> Summary:
    """Train what a config describes and leave a run folder behind; see :func:`train_in`."""
    return train_in(loaded, catalogue, **options)[0]


def train_in(
    loaded: LoadedConfig,
    catalogue: Catalogue,
    *,
    run_dir: Path | None = None,
    resume: Path | None = None,
    checkpoint: str = "last",
    discard_later: bool = False,
    quiet: bool = False,
    command: Sequence[str] = (),
    threads: int | None = None,
    changed_plugin: bool = False,
) -> tuple[Summary, Path]:
    """Train what a config describes; returns what the run came to, and its folder.

    Args:
        run_dir: the run's folder; default one by name and time below ``runs``. With ``resume`` the run goes on there,
            in a copy, and the one that was given is left as it is.
        resume: the folder of a run to continue; ``loaded`` must be its config, or for one that is done and goes on in
            ``run_dir`` its config with more epochs. A run that is done is left as it is, one
            that was ended before its first checkpoint starts again.
        checkpoint: which one to resume from.
        discard_later: with a ``checkpoint`` that is not the last one: give up what came after it.
        quiet: without the loggers that write to the terminal.
        threads: how many compute on a CPU; default torch's own number, or for a run that goes on the one it was started
            with.
        changed_plugin: go on though the code of a plugin is not what it was.

    Raises:
        TpzooError: the config cannot be built, a file is damaged, another process trains there, or training failed.
    """
    if resume is not None:
        where = folder.reopen(resume)
        with where.held():
            copied = _prepare(loaded, catalogue, where, checkpoint, discard_later, run_dir)
            if copied is None:
                return _resume(loaded, catalogue, where, checkpoint, quiet, threads, changed_plugin), where.path
        with copied.held():
            return _resume(loaded, catalogue, copied, "last", quiet, threads, changed_plugin), copied.path
    with using(threads):
        built = build(loaded.experiment, catalogue)  # before there is a folder: most mistakes show here
        start_from(loaded.experiment.start_from, built)
        _say(built, quiet)
        where = folder.claim(loaded.experiment.name or "run", loaded.hash, run_dir)
        with where.held():
            used = plugins_used(loaded, modules_of(built).values())
            described = _environment(loaded, built, session(sources_of(used), versions_of(loaded)))
            where.describe(loaded.to_yaml(full_names=True), command=command, environment=described)
            keep_files(where, used)
            return Run(loaded, catalogue, built, where, quiet).run(), where.path


def _prepare(
    loaded: LoadedConfig,
    catalogue: Catalogue,
    where: RunFolder,
    checkpoint: str,
    discard_later: bool,
    run_dir: Path | None,
) -> RunFolder | None:
    """See that the run can go on as it is, or make it so; returns the copy that goes on in its place, if one does."""
    started_with, given = where.config_hash(), loaded.hash
    if started_with and started_with != given:
        started = load(where.path / "config.yaml", (), catalogue)
        if started.hash == started_with and is_longer(loaded, started):
            return lengthened(where, started, loaded, catalogue, run_dir)
        what = f"{where.path} was started with the config {started_with}; this one is {given}"
        hint = "put its config.yaml back and change nothing that changes results, or start a new run"
        raise CheckpointError(what, hint)
    checkpoints = Checkpoints(where.path / "checkpoints", given)
    if checkpoint == "last" and run_dir is None:
        return None
    name = checkpoints.name_of(checkpoint)
    if run_dir is not None:
        return copy_run(where, checkpoints, name, run_dir)
    if not discard_later:
        require_last(checkpoints, name)
    elif checkpoints.later_than(name):
        require_logs(where.path, checkpoints.manifest(name).logs)
        best = best_by_then(checkpoints, name)
        where.set_status("interrupted")  # a run that was done is so no more
        checkpoints.discard_later(name, best)
    return None


def _resume(
    loaded: LoadedConfig,
    catalogue: Catalogue,
    where: RunFolder,
    checkpoint: str,
    quiet: bool,
    threads: int | None,
    changed_plugin: bool,
) -> Summary:
    checkpoints = Checkpoints(where.path / "checkpoints", loaded.hash)
    if where.status() == "done":
        if checkpoints.labels():  # a copy without them is as good to those who want the figures
            require_logs(where.path, checkpoints.manifest(checkpoints.verify("last")).logs)
        return where.summary()
    remove_unfinished(where.path)
    _require_same_kind_of_device(where, loaded)
    with using(to_go_on_with(where.environment().get("threads"), threads, quiet)):
        built = build(loaded.experiment, catalogue)
        require_same_data(where, built.data_identity, checkpoints.data_of(checkpoint))
        used, versions = plugins_used(loaded, modules_of(built).values()), versions_of(loaded)
        sources = sources_of(used)
        require_same_code(where, sources, versions, changed_plugin)
        _say(built, quiet)
        run = Run(loaded, catalogue, built, where, quiet)
        resumed = run.load(checkpoint)
        new = session(sources, versions, run.checkpoints.name_of(checkpoint) if resumed else "")
        go_on(where, new, _environment(loaded, built, new))
        keep_files(where, used)
        return run.run(resumed)


def _require_same_kind_of_device(where: RunFolder, loaded: LoadedConfig) -> None:
    kind = choose_device(loaded.experiment.device).type
    started_on = where.environment().get("device", kind)
    if kind != started_on:
        what = f"{where.path} was started on {started_on}, and would go on on {kind}, which computes other numbers"
        raise CheckpointError(what, f"resume with device={started_on}; tpzoo evaluate takes any device")


class Run:
    """A training with its folder: what is saved, when, and how it ends."""

    def __init__(
        self, loaded: LoadedConfig, catalogue: Catalogue, built: Built, where: RunFolder, quiet: bool = False
    ) -> None:
        self.loaded, self.built, self.where = loaded, built, where
        self.loggers = _loggers(loaded, catalogue, where.path, quiet)
        self.training = Training(loaded.experiment, built, list(self.loggers.values()))
        self.hash = where.config_hash() or loaded.hash
        self.checkpoints = Checkpoints(where.path / "checkpoints", self.hash)
        self._modules = modules_of(built)
        self._data = str(built.data_identity["digest"])
        self._logged: dict[str, Any] = {}
        self._readable = False
        self._saved_at = time.monotonic()

    def load(self, label: str = "last") -> bool:
        """Continue from a checkpoint of this run; False if it has none yet.

        Raises:
            CheckpointError: it is damaged, or not of this run.
        """
        if label == "last" and not self.checkpoints.labels():
            if self.where.has_saved():
                what = f"{self.checkpoints.folder} holds no checkpoint, and this run has made one"
                raise CheckpointError(what, "put the folder back, or start the run again in another one")
            return False
        name = self.checkpoints.name_of(label)
        saved = self.checkpoints.load(name)
        earlier = [each for each in checkpoint_names(self.checkpoints.folder) if each < name]
        require_logs(self.where.path, self.checkpoints.manifest(name).logs, earlier)
        self.checkpoints.tidy()
        put_back(self._modules, saved.weights)
        try:
            self.training.load_state_dict(saved.state["training"])
            self._logged = dict(saved.state["loggers"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            what = f"checkpoint '{label}' of {self.where.path} does not fit this run: {error}"
            raise CheckpointError(what, "resume on the kind of device that the run was started on") from error
        return True

    def run(self, resumed: bool = False) -> Summary:
        """Train to the end, or to a signal; the folder says how it went."""
        try:
            self.where.set_status("running")
            with _stopped_by_signals(self.training):
                self._start_loggers(resumed)
                for phase in self.training.run(self._due):
                    self.save(phase)
                if not self.checkpoints.labels():  # nothing to train, or stopped before the first step
                    self.save(None)
        except BaseException as error:
            status: Status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            with suppress(OSError):  # the disk may be what failed
                self._end(status, f"{type(error).__name__}: {error}")
            raise
        return self._end("done" if self.training.progress.cursor.phase >= len(self.training.plan) else "interrupted")

    def _end(self, status: Status, message: str = "") -> Summary:
        summary = self.summary(status)
        self.where.end(status, summary, message)
        self._finish(summary)
        return summary

    def _due(self) -> bool:
        every = self.loaded.experiment.checkpoint.every_seconds
        return every > 0 and time.monotonic() - self._saved_at >= every

    def save(self, phase: Phase | None) -> None:
        """Save a checkpoint: after a phase, or (None) within one."""
        cursor, best_epoch = self.training.progress.cursor, self.training.progress.results.best_epoch
        keep = self.loaded.experiment.checkpoint
        labels, ended = ["last"], None
        if phase is not None and phase.ends_epoch:
            ended = phase.epoch
            best = best_epoch == phase.epoch
            labels += ["best"] if best and keep.keep_best else []
            due = keep.every_epochs and phase.epoch % keep.every_epochs == 0
            labels += [f"epoch-{phase.epoch:04d}"] if due else []
        state = {
            "training": self.training.state_dict(),
            "loggers": {name: logger.state() for name, logger in self.loggers.items()},
        }
        name = f"step-{cursor.step:08d}-{cursor.phase:05d}-{cursor.batch:05d}"
        logs = {name: file for logger in self.loggers.values() for name, file in logger.files().items()}
        self._require_readable(state)
        self.checkpoints.save(name, weights_of(self._modules), state, tuple(labels), logs, ended, self._data)
        if not self.where.has_saved():
            self.where.set_status("running", saved=True)
        self._saved_at = time.monotonic()

    def _require_readable(self, state: Mapping[str, Any]) -> None:
        """See, before the first save, that what plugins keep can be read back without running code.

        Raises:
            PluginError: it cannot; the logger, or the part of the training state, is named.
        """
        if self._readable:
            return
        parts = {f"the state of logger '{name}'": kept for name, kept in state["loggers"].items()}
        parts |= {f"what the run keeps of '{name}'": kept for name, kept in state["training"].items()}
        for name, kept in parts.items():
            if problem := unreadable(kept):
                hint = "keep numbers, texts, tensors, lists and dicts; no arrays of numpy and no objects of your own"
                raise PluginError(f"{name} cannot be kept in a checkpoint: {problem}", hint)
        self._readable = True

    def summary(self, status: str) -> Summary:
        """What the run came to so far."""
        cursor, results = self.training.progress.cursor, self.training.progress.results
        trained = self.built.engine.forward_weights.trained
        weights = dict(self.built.engine.network.blocks.named_parameters())
        return Summary(
            status=status,
            config_hash=self.hash,
            seed=self.loaded.experiment.seed,
            device=str(self.built.device),
            epochs=cursor.epoch,
            steps=cursor.step,
            parameters=sum(p.numel() for name, p in weights.items() if name in trained),
            train_loss=results.train_loss,
            test_loss=results.test_loss,
            test_accuracy=results.test_accuracy,
            best_valid_accuracy=results.best_valid_accuracy,
            best_valid_loss=results.best_valid_loss,
            test_accuracy_at_best_valid=results.test_accuracy_at_best_valid,
            test_loss_at_best_valid=results.test_loss_at_best_valid,
            seconds=cursor.seconds,
            train_seconds=cursor.train_seconds,
            seconds_per_epoch=cursor.train_seconds / cursor.epoch if cursor.epoch else None,
        )

    def _start_loggers(self, resumed: bool) -> None:
        experiment, cursor = self.loaded.experiment, self.training.progress.cursor
        info = RunInfo(
            experiment.name,
            self.where.path,
            self.loaded.to_yaml(full_names=True),
            experiment.epochs,
            self.training.steps_per_epoch,
            cursor.step if resumed else None,
            cursor.seconds,
        )
        for name, logger in self.loggers.items():
            logger.start(info, self._logged.get(name, {}))

    def _finish(self, summary: Summary) -> None:
        """Tell the loggers that the run ended; it did, whatever they make of that."""
        for name, logger in self.loggers.items():
            try:
                logger.finish(asdict(summary))
            except (Exception, SystemExit) as error:
                said = " ".join(f"{type(error).__name__}: {error}".split())
                print(f"the logger '{name}' failed when it was told that the run has ended: {said}", file=sys.stderr)


def modules_of(built: Built) -> dict[str, nn.Module]:
    """Everything whose weights a checkpoint holds, by the prefix of their names there."""
    return {**built.engine.modules, **{f"data_{name}": part for name, part in built.data.modules.items()}}


def _say(built: Built, quiet: bool) -> None:
    for line in () if quiet else built.notices:
        print(line, file=sys.stderr)


def versions_of(loaded: LoadedConfig) -> dict[str, Any]:
    """The versions of all that a run uses here; see :func:`tpzoo.runner.environment.describe`."""
    return environment.describe(
        {plugin.distribution: plugin.version for plugin in loaded.catalogue.plugins if plugin.records}
    )


def _environment(loaded: LoadedConfig, built: Built, began: Mapping[str, Any]) -> dict[str, Any]:
    """What ``environment.json`` holds: what makes the run the one that it is, and the sessions that it was made in."""
    return {
        "config_hash": loaded.hash,
        "device": built.device.type,
        "data": built.data_identity,
        "threads": began["threads"],
        "blocks": list(built.engine.network.blocks),  # reports show them in this order
        "baseline": baseline(built.data),
        **record_of(built.data),
        "sessions": [began],
    }


def _loggers(loaded: LoadedConfig, catalogue: Catalogue, path: Path, quiet: bool) -> dict[str, Logger]:
    made: dict[str, Logger] = {}
    for name, chosen in loaded.experiment.loggers.items():
        logger = choose("logger", chosen, catalogue)
        if not (quiet and "terminal" in logger.record.provides):
            made[name] = logger.record.builder()(chosen.settings, path)
    return made


@contextmanager
def _stopped_by_signals(training: Training) -> Iterator[None]:
    """SIGINT and SIGTERM end the run after the step that is under way; a second one ends it at once."""

    def stop(number: int, _frame: object) -> None:
        training.stop()
        signal.signal(number, before[number])

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before: dict[int, Any] = {number: signal.signal(number, stop) for number in numbers}
    except ValueError:  # not the main thread: whoever runs us there handles signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
