"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tpzoo.report.document import Grid, Report, Section


def markdown(report: Report, figure_format: str) -> str:
    """The text of ``report.md``; figures and tables are links to the files beside it."""
    return "\n".join(_lines(report, figure_format)).rstrip() + "\n"


def _lines(report: Report, figure_format: str) -> Iterator[str]:
    yield f"# {escape(report.title)}\n"
    for text in report.introduction:
        yield f"{escape(text)}\n"
    for section in report.sections:
        if not section.is_empty:
            yield from _section(section, figure_format)
    for title, items in (("Notes", report.notes), ("Left out", report.left_out)):
        if items:
            yield f"## {title}\n"
            yield "\n".join(f"- {escape(item)}" for item in items) + "\n"


def _section(section: Section, figure_format: str) -> Iterator[str]:
    yield f"## {section.title}\n"
    for text in section.text:
        yield f"{escape(text)}\n"
    for grid in section.grids:
        if grid.caption:
            yield f"{escape(grid.caption)}\n"
        yield _grid(grid) + "\n"
    for text in section.notes:
        yield f"{escape(text)}\n"
    for figure in section.figures:
        yield f"![{escape(figure.name)}](figures/{figure.name}.{figure_format})\n"
        yield f"{escape(figure.caption)}\n"
    if section.tables:
        yield (
            "\n".join(f"- [tables/{t.name}.csv](tables/{t.name}.csv): {escape(t.caption)}" for t in section.tables)
            + "\n"
        )


def _grid(grid: Grid) -> str:
    lines: list[Sequence[str]] = [grid.columns, ["---"] * len(grid.columns), *grid.rows]
    return "\n".join(
        "| " + " | ".join(each if each == "---" else escape(each) for each in line) + " |" for line in lines
    )


def escape(text: str) -> str:
    """Text whose signs mean themselves."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
