"""Running the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

TIMEOUT = 240


def tpzoo(*overrides: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``tpzoo OVERRIDES`` and return what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "tpzoo", *map(str, overrides)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=TIMEOUT,
        check=False,
    )


def inside(*overrides: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """As :func:`tpzoo`, but in this process: for the verbs that would load torch each time. A bug is raised."""
    from click.testing import CliRunner

    from tpzoo.cli import main

    with chdir(cwd or Path.cwd()):
        done = CliRunner().invoke(main, list(map(str, overrides)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess([*map(str, overrides)], done.exit_code, done.stdout, done.stderr)


def assert_message(done: subprocess.CompletedProcess[str], *parts: str, code: int = 2) -> None:
    """The command ended with ``code`` and a message that holds ``parts``, and no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr
