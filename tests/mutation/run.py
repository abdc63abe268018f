"""Does any test notice? Changes the code in small ways, one at a time in a copy, and expects the tests to fail.

    python tests/mutation/run.py [--only TEXT] [--jobs N]

Prints, for each mutant, the first test that caught it. Ends with 1 if one survives, or if the text that it replaces is
no longer there once.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation.mutant import Mutant  # noqa: E402
from tests.mutation.mutants import MUTANTS  # noqa: E402

TIMEOUT = 600
COPIED = ("tpzoo", "tests", "configs", "pyproject.toml", "README.md")


def misplaced(mutant: Mutant, root: Path = ROOT) -> str:
    """Which text of a mutant does not stand exactly once in its file; empty if all do."""
    text = (root / "tpzoo" / mutant.file).read_text("utf-8")
    for old, new in mutant.edits:
        if text.count(old) != 1:
            return f"{mutant.file} holds {text.count(old)} times: {old}"
        text = text.replace(old, new)
    return ""


def apply(mutant: Mutant, root: Path) -> None:
    """Change the file in the copy at ``root``."""
    path = root / "tpzoo" / mutant.file
    text = path.read_text("utf-8")
    for old, new in mutant.edits:
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def copy_tree(root: Path) -> None:
    """The package and its tests, without what earlier runs left."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)


def first_failure(root: Path, tests: Iterable[str]) -> str:
    """Run tests in the copy; the first that fails, or nothing."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *(f"tests/{test}" for test in tests)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if found.returncode == 0:
        return ""
    match = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - .*)?$", found.stdout, re.MULTILINE)
    if found.returncode != 1 or match is None:
        raise RuntimeError(f"the tests did not run:\n{found.stdout[-2000:]}{found.stderr[-2000:]}")
    return match[1]


def judge(mutant: Mutant) -> tuple[bool, str]:
    """Whether it was caught, and by which test, or why not."""
    if problem := misplaced(mutant):
        return False, f"OUT OF DATE: {problem}"
    with tempfile.TemporaryDirectory(prefix="tpzoo-mutant-") as folder:
        copy_tree(Path(folder))
        apply(mutant, Path(folder))
        catcher = first_failure(Path(folder), mutant.tests)
    return bool(catcher), catcher or "SURVIVES"


def main() -> int:
    """Judge every mutant, after the unchanged tree has passed the same tests."""
    parser = argparse.ArgumentParser(description="Does any test notice?")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    with tempfile.TemporaryDirectory(prefix="tpzoo-unchanged-") as folder:
        copy_tree(Path(folder))
        if failed := first_failure(Path(folder), sorted({test for mutant in chosen for test in mutant.tests})):
            print(f"the unchanged tree fails {failed}: mutants would prove nothing")
            return 1
    caught = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (found, by) in zip(chosen, pool.map(judge, chosen), strict=True):
            caught += found
            print(f"{mutant.name:<52} {by}", flush=True)
    print(f"{caught} of {len(chosen)} mutants caught")
    return 0 if chosen and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
