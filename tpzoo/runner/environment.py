"""What a run ran with: versions, machine, threads, plugins, and the revision of the source if it has one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tpzoo._version import __version__

PACKAGES = ("torch", "torchvision", "timm", "numpy", "omegaconf", "pluggy")


def describe(plugins: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What ``environment.json`` says of one session.

    Args:
        plugins: versions of the plugins that were loaded, by distribution.
    """
    import torch

    return {
        "tpzoo": __version__,
        "revision": revision(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": dict(plugins or {}),
    }


def revision(folder: Path = Path(__file__).parent) -> dict[str, Any] | None:
    """The git commit of the checkout that ``folder`` belongs to, and whether it was changed since; None without one."""
    # a package installed inside somebody else's checkout is not tracked there: then the first command fails
    commit = _git(folder, "rev-parse", "HEAD", "HEAD:./__init__.py")
    if commit is None:
        return None
    return {"commit": commit.split()[0], "changed": bool(_git(folder, "status", "--porcelain", "-uno", "."))}


def _git(folder: Path, *overrides: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *overrides], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
