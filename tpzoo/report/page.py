"""A report as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape

from tpzoo.report.document import Grid, Report, Section

TYPES = {"svg": "image/svg+xml", "png": "image/png"}

STYLE = """
:root { color-scheme: light dark; --text: #1c1e21; --back: #ffffff; --soft: #5b6168; --line: #d9dde2; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6e9; --back: #16181b; --soft: #9aa1a9; --line: #363b41; --card: #1f2226; }
}
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.25rem 4rem; color: var(--text); background: var(--back);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { margin-top: 2.5rem; font-size: 1.3rem; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
a { color: inherit; text-decoration-color: var(--soft); }
.table { overflow-x: auto; margin: 1rem 0; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .45rem .75rem; text-align: right; white-space: nowrap; }
th { background: var(--card); font-weight: 600; } tr + tr td { border-top: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 9rem; }
caption, figcaption, .files { color: var(--soft); font-size: .9rem; }
caption { padding: .5rem .75rem; text-align: left; }
figure { margin: 1.25rem 0; padding: .75rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 4px; background: #ffffff; }
figcaption { margin-top: .5rem; }
""".strip()


def page(report: Report, images: Mapping[str, bytes], image_format: str) -> str:
    """The text of ``report.html``.

    Args:
        images: the content of every figure, by its name.
        image_format: ``svg`` or ``png``.
    """
    return "\n".join(_lines(report, {name: _inlined(image, image_format) for name, image in images.items()})) + "\n"


def _inlined(image: bytes, image_format: str) -> str:
    # as an image of its own, because two SVGs in one page share their ids
    return f"data:{TYPES[image_format]};base64,{base64.b64encode(image).decode()}"


def _lines(report: Report, images: Mapping[str, str]) -> Iterator[str]:
    title = escape(report.title)
    shown = [section for section in report.sections if not section.is_empty]
    endings = [(name, items) for name, items in (("Notes", report.notes), ("Left out", report.left_out)) if items]
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>"
    yield from (f"<p>{escape(text)}</p>" for text in report.introduction)
    names = [*(section.title for section in shown), *(name for name, _ in endings)]
    links = "".join(f'<li><a href="#{anchor(name)}">{escape(name)}</a></li>' for name in names)
    yield f'<nav aria-label="sections"><ul>{links}</ul></nav>'
    for section in shown:
        yield from _section(section, images)
    for name, items in endings:
        yield _heading(name)
        yield "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
    yield "</body>\n</html>"


def _section(section: Section, images: Mapping[str, str]) -> Iterator[str]:
    yield _heading(section.title)
    yield from (f"<p>{escape(text)}</p>" for text in section.text)
    yield from (_grid(grid) for grid in section.grids)
    yield from (f"<p>{escape(text)}</p>" for text in section.notes)
    for each in section.figures:
        image = f'<img alt="{escape(each.caption)}" src="{images[each.name]}">'
        yield f'<figure id="figure-{each.name}">{image}<figcaption>{escape(each.caption)}</figcaption></figure>'
    if section.tables:
        files = "; ".join(
            f"<code>tables/{escape(table.name)}.csv</code> ({escape(table.caption)})" for table in section.tables
        )
        yield f'<p class="files">Figures to reuse: {files}.</p>'


def _heading(name: str) -> str:
    return f'<h2 id="{anchor(name)}">{escape(name)}</h2>'


def anchor(title: str) -> str:
    """The id of a heading."""
    return title.lower().replace(" ", "-")


def _grid(grid: Grid) -> str:
    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.columns)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows)
    return f'<div class="table"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
