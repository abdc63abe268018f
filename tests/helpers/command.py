"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TIMEOUT = 240


def tpzoo(*words: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``tpzoo WORDS`` and return what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "tpzoo", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=TIMEOUT,
        check=False,
    )


def assert_message(done: subprocess.CompletedProcess[str], *parts: str, code: int = 2) -> None:
    """The command ended with ``code`` and a message that holds ``parts``, and no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr
