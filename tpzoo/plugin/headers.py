"""What a recipe says of itself: the comment at the top of its file. Read when it is shown, not when it is listed."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

END_OF_SENTENCE = re.compile(r"(?<!\bal)(?<!\bcf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)(?<!\bEq)(?<!\bFig)(?<!\b[A-Z])\.\s+")
"""A full stop and a space, but not after an abbreviation or an initial: "et al. 2015" ends no sentence."""


def summary_of(path: Path) -> str:
    """The first sentence of the comment that a recipe starts with; empty if there is none."""
    lines = path.read_text("utf-8").splitlines()
    comment = [line.removeprefix("#").removeprefix(" ") for line in itertools.takewhile(_is_comment, lines)]
    text = " ".join(itertools.takewhile(lambda line: not line.startswith(" "), comment))  # an indented line is code
    return END_OF_SENTENCE.split(text)[0].removesuffix(".")


def _is_comment(line: str) -> bool:
    return line.startswith("#")
