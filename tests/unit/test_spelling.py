"""The field's words: what a reader would have to decode stands nowhere, in names, messages or docs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSTEAD = {
    "house": "structure, tree",
    "door": "hooks, interface",
    "animal": "entry",
    "animals": "entries",
    "wire": "edge",
    "wires": "edges",
    "mend": "hint",
    "mended": "put right",
    "picture": "image (data) or figure (a plot)",
    "pictures": "images (data) or figures (plots)",
    "words": "overrides (key=value), or text",
    "frame": "figure, engine; allowed for a pandas frame and a stack frame",
}
ALLOWED = re.compile(r"break_long_words|tb_frame|_frame\b|own_frame|DataFrame|data frame|stack frame", re.IGNORECASE)
SKIPPED = ("docs/data/", "docs/meulemans2020/", "tests/unit/test_spelling.py", "LICENSE")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""Splits names at underscores and capitals."""


def texts() -> list[Path]:
    """Every text file of the repository that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    endings = (".py", ".pyi", ".md", ".yaml", ".toml", ".cff", "Makefile")
    names = [name for name in listed.stdout.splitlines() if name.endswith(endings) and not name.startswith(SKIPPED)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_word_that_a_reader_must_decode() -> None:
    found = []
    for path in texts():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            for word in {each.lower() for each in WORD.findall(ALLOWED.sub("", line))} & INSTEAD.keys():
                found.append(f"{path.relative_to(ROOT)}:{number}: '{word}': write {INSTEAD[word]}")
    assert not found, "\n".join(found)
