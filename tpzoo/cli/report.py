"""``tpzoo report``: run folders in, figures and tables out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default="report", show_default=True, help="Where it is written."
)
@click.option("--title", help="Its heading.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(["png", "svg"]),
    multiple=True,
    default=("png", "svg"),
    show_default=True,
    help="Format of the figures' files. May be given several times.",
)
@click.option(
    "--smooth",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Draw rolling means over so many points of each seed. The tables hold what was measured.",
)
@click.option(
    "--join-code", is_flag=True, help="Runs that were made with other code are one method; the report says so."
)
@click.option(
    "--details", is_flag=True, help="Recall by class and confusion matrices; of a regression errors and R^2 by target."
)
def command(
    runs: tuple[Path, ...],
    out: Path,
    title: str | None,
    formats: tuple[str, ...],
    smooth: int,
    join_code: bool,
    details: bool,
) -> None:
    """Compare runs: results, learning curves, and what their probes measured.

    RUNS are run folders, or folders that contain some at any depth. Runs that differ in nothing but their seeds are one
    method; runs that were made with other code or on other data are not. Writes report.md, report.html (one page that
    needs no other file), figures/ and tables/ (CSV).

    A run that cannot be read is named and left out. Ends with 2 if there is none to report on.
    """
    from tpzoo.plugin.trust import asking
    from tpzoo.report.write import write_report  # loads numpy and, to draw, matplotlib

    with asking(None):  # to read a run is not to run its code
        written = write_report(runs, out, title, tuple(dict.fromkeys(formats)), smooth, join_code, details)
    for warning in written.warnings:
        click.echo(f"Warning: {warning}", err=True)
    counts = {"method": written.methods, "run": written.runs, "figure": written.figures, "table": written.tables}
    said = ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items())
    click.echo(f"{written.folder / 'report.html'}: {said}")
