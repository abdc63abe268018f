"""``tpzoo train``: run an experiment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tpzoo.cli.options import plugin_option, split

if TYPE_CHECKING:
    from tpzoo.runner.summary import Summary


@click.command("train")
@click.argument("overrides", nargs=-1, metavar="[CONFIG] [KEY=VALUE]...")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="The run's folder, instead of runs/NAME/TIME-HASH; with --resume go on there, in a copy.",
)
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with the run in this folder.")
@click.option("--checkpoint", default="last", metavar="NAME", help="With --resume: from which one, as best or last.")
@click.option(
    "--discard-later", is_flag=True, help="With --checkpoint: give up the checkpoints and metrics that came after it."
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads that compute on a CPU; default all cores, or with --resume as many as the run was started with.",
)
@plugin_option
@click.option("--changed-plugin", is_flag=True, help="With --resume: go on though the code of a plugin changed.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    overrides: tuple[str, ...],
    run_dir: Path | None,
    resume: Path | None,
    checkpoint: str,
    discard_later: bool,
    threads: int | None,
    plugins: tuple[str, ...],
    changed_plugin: bool,
    quiet: bool,
) -> None:
    """Run the experiment that CONFIG describes, with every KEY=VALUE put over it.

    CONFIG is a YAML file or the name of a recipe that comes with tpzoo. AXIS=NAME selects another component, as in
    rule=bp or data=mnist; AXIS.SETTING=VALUE changes a setting of one.

    Ctrl-C and SIGTERM end the run after the step that is under way, with a checkpoint to resume from; a second one
    ends it at once. Exit codes: 0 the run is done, 1 it failed or was interrupted, 2 nothing was run.
    """
    config, settings = split(overrides)
    if resume is not None and config is not None:
        raise click.UsageError("--resume takes that run's config: give no CONFIG")
    if resume is None and (discard_later or checkpoint != "last"):
        raise click.UsageError("--checkpoint and --discard-later go with --resume")
    if resume is None and changed_plugin:
        raise click.UsageError("--changed-plugin goes with --resume")

    from tpzoo.config import idle_overrides, load

    finished = resume is not None and not discard_later and run_dir is None and is_done(resume)
    if resume is None:
        loaded = load(config, settings, plugins=plugins)
    else:
        from tpzoo.runner.code import plugins_to_load
        from tpzoo.runner.folder import reopen

        named = plugins_to_load(reopen(resume), plugins, changed_plugin)
        loaded = load(config_of(resume), settings, plugins=named)
    if not quiet:
        config_file = config if resume is None else config_of(resume)
        for notice in [*loaded.notices, *idle_overrides(loaded, config_file, settings)]:
            click.echo(notice, err=True)

    from tpzoo.runner import train  # loads torch, which a mistake in the config should not have to wait for

    summary = train(
        loaded,
        loaded.catalogue,
        run_dir=run_dir,
        resume=resume,
        checkpoint=checkpoint,
        discard_later=discard_later,
        quiet=quiet,
        threads=threads,
        changed_plugin=changed_plugin,
        command=["tpzoo", *sys.argv[1:]],
    )
    if finished and not quiet:
        click.echo(f"{resume} is the folder of a run that had ended: nothing was changed")
    if not quiet:
        click.echo(describe(summary))
    if summary.status != "done":
        sys.exit(1)


def config_of(folder: Path) -> Path:
    """The resolved config of the run in ``folder``."""
    from tpzoo.runner.folder import reopen

    return reopen(folder).path / "config.yaml"


def is_done(folder: Path) -> bool:
    """Whether the run in ``folder`` came to its end."""
    from tpzoo.runner.folder import reopen

    return reopen(folder).status() == "done"


def describe(summary: Summary) -> str:
    """One line that says how the run ended."""
    measured = "" if summary.test_loss is None else f", test loss {summary.test_loss:.4f}"
    if summary.test_accuracy is not None:
        measured = f", test accuracy {100 * summary.test_accuracy:.2f} %"
    return f"{summary.status}: {summary.epochs} epochs, {summary.steps} steps{measured}, {summary.seconds:.1f} s"
