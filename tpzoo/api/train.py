"""A run in one call."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tpzoo.api.run import Run
from tpzoo.config.idle import idle_overrides
from tpzoo.config.loader import load
from tpzoo.config.resolved import LoadedConfig
from tpzoo.errors import SettingError
from tpzoo.runner import session
from tpzoo.runner.code import plugins_to_load
from tpzoo.runner.folder import reopen
from tpzoo.runner.summary import Summary


def train(
    config: Path | str | Mapping[str, Any] | None = None,
    *overrides: str,
    settings: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    run_dir: Path | str | None = None,
    resume_or_start: Path | str | None = None,
    threads: int | None = None,
    quiet: bool = False,
    **values: Any,
) -> Run:
    """Train what a config describes: the same folder, bits and errors as ``tpzoo train``.

    Args:
        config: a recipe's name, a YAML file or a mapping; None is the defaults.
        overrides: ``"optimizer.forward.lr=0.1"``, as on the command line.
        values: the same as keywords: ``epochs=5, rule="bp", learner={"name": "drl", "sigma": 0.1}``.
        settings: the same by dotted path, ``{"learner.sigma": 0.1}``; stronger than all else.
        plugins: files or modules, as ``--plugin`` names them.
        run_dir: the run's folder, empty or not there yet; default ``runs/NAME/TIME-HASH``.
        resume_or_start: a folder: a run that was begun there goes on, with this very config, or is left as it is if it
            is done; else one is started there. For a script that a cluster may stop and start again.
        threads: how many compute on a CPU.
        quiet: print nothing.

    Returns:
        The run, which is done.

    Raises:
        KeyboardInterrupt: it was interrupted (Ctrl-C, SIGTERM): a checkpoint is saved, and its folder is named.
        TpzooError: as ``tpzoo train``; nothing was run if it is a ConfigError or CompatibilityError.
    """
    if run_dir is not None and resume_or_start is not None:
        raise SettingError("both run_dir and resume_or_start are given", "resume_or_start names the folder too")
    stronger = {**values, **(settings or {})}
    loaded = load(config, overrides, plugins=plugins, settings=stronger)
    place = Path(resume_or_start) if resume_or_start is not None else None
    begun = place is not None and (place / "config.yaml").is_file()
    _say(loaded, None if isinstance(config, Mapping) else config, overrides, quiet)
    chosen = place if place is not None else None if run_dir is None else Path(run_dir)
    options: dict[str, Any] = {"resume": chosen} if begun else {"run_dir": chosen}
    command = _command(config, overrides, stronger, plugins, chosen)
    summary, path = session.train_in(loaded, loaded.catalogue, quiet=quiet, threads=threads, command=command, **options)
    return _ended(summary, path)


def resume(
    run: Path | str,
    *,
    run_dir: Path | str | None = None,
    checkpoint: str = "last",
    discard_later: bool = False,
    plugins: Sequence[str] = (),
    changed_plugin: bool = False,
    threads: int | None = None,
    quiet: bool = False,
    epochs: int | None = None,
) -> Run:
    """Go on with a run that was stopped: ``tpzoo train --resume``, whose options these are.

    Args:
        run_dir: go on there, in a copy.
        epochs: of a run that is done, with ``run_dir``: how many it shall have.

    Raises:
        KeyboardInterrupt: it was interrupted again; a checkpoint is saved.
        CheckpointError: a file is damaged, or the run cannot go on here.
    """
    where = reopen(Path(run))
    named = plugins_to_load(where, plugins, changed_plugin)
    loaded = load(where.path / "config.yaml", plugins=named, settings={} if epochs is None else {"epochs": epochs})
    summary, path = session.train_in(
        loaded,
        loaded.catalogue,
        resume=where.path,
        run_dir=None if run_dir is None else Path(run_dir),
        checkpoint=checkpoint,
        discard_later=discard_later,
        changed_plugin=changed_plugin,
        threads=threads,
        quiet=quiet,
    )
    return _ended(summary, path)


def _ended(summary: Summary, path: Path) -> Run:
    if summary.status == "interrupted":
        raise KeyboardInterrupt(f"{path} was interrupted, with a checkpoint: tpzoo.open_run({str(path)!r}).resume()")
    return Run(path)


def _say(loaded: LoadedConfig, config: Path | str | None, overrides: Sequence[str], quiet: bool) -> None:
    if not quiet:
        for notice in [*loaded.notices, *idle_overrides(loaded, config, overrides)]:
            print(notice, file=sys.stderr)


def _command(
    config: Path | str | Mapping[str, Any] | None,
    overrides: Sequence[str],
    settings: Mapping[str, Any],
    plugins: Sequence[str],
    run_dir: Path | None,
) -> list[str]:
    """The command line that does the same; that of the script where the config is a mapping."""
    if isinstance(config, Mapping):
        return [sys.executable, *sys.argv]
    said = [f"{name}={_text(value)}" for name, value in settings.items()]
    named = [part for plugin in plugins for part in ("--plugin", plugin)]
    folder = [] if run_dir is None else ["--run-dir", str(run_dir)]
    return ["tpzoo", "train", *([] if config is None else [str(config)]), *overrides, *said, *named, *folder]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
