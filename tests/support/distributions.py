"""The distributions in ``plugins/``, installed without a build: their sources and the metadata that pip would write."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def project(folder: Path) -> dict[str, Any]:
    """What a distribution says about itself."""
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def unmet(folder: Path) -> list[str]:
    """What a distribution requires beside tpzoo and is installed here in another version only."""
    wanted = [Requirement(each) for each in project(folder)["dependencies"] if each != "tpzoo"]
    return [str(each) for each in wanted if version(each.name) not in each.specifier]


def sources(folder: Path) -> Path:
    """Where a distribution keeps its packages."""
    return folder / "src" if (folder / "src").is_dir() else folder


def install(folder: Path, site: Path) -> dict[str, str]:
    """Write the metadata of a distribution into ``site``; return the environment in which it is installed.

    Entry points are found through metadata alone, so this is what an editable installation comes to, without the
    network and without a build backend.
    """
    about = project(folder)
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    lines = [f"{name} = {value}" for name, value in about["entry-points"]["tpzoo"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[tpzoo]", *lines, ""]))
    path = [str(site), str(sources(folder)), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(part for part in path if part), "OMP_NUM_THREADS": "1"}


def own_suite(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a distribution's own tests as its author does: in its folder, by its own settings."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
