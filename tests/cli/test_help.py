"""What everybody sees first: help and version, at once and without torch."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.support.command import assert_message, tpzoo
from tpzoo._version import __version__
from tpzoo.cli import VERBS

HEAVY = ("torch", "torchvision", "timm", "sklearn", "numpy", "matplotlib", "omegaconf")


@pytest.mark.parametrize("overrides", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_loads_nothing_heavy(overrides: list[str]) -> None:
    code = (
        "import sys\nfrom tpzoo.cli import main\n"
        f"try:\n    main({overrides}, prog_name='tpzoo')\nexcept SystemExit as end:\n    assert not end.code\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\nassert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: tpzoo")


def test_help_names_every_verb_with_what_it_does() -> None:
    lines = tpzoo("--help").stdout.splitlines()
    for verb in VERBS:
        (line,) = (line for line in lines if line.startswith(f"  {verb} "))
        assert len(line.split()) > 2


def test_version() -> None:
    assert tpzoo("--version").stdout.strip() == f"tpzoo, version {__version__}"


def test_the_installed_version_is_the_same() -> None:
    try:
        assert version("tpzoo") == __version__
    except PackageNotFoundError:
        pytest.skip("tpzoo is used from a folder that is not installed")


def test_an_unknown_verb_or_option_is_the_users_mistake() -> None:
    assert_message(tpzoo("trian"), "No such command", "trian")
    assert_message(tpzoo("train", "--qiuet"), "No such option", "--quiet")


def test_help_can_be_asked_for_after_a_verb_was_used() -> None:
    code = "import tpzoo.cli.list\nfrom tpzoo.cli import main\nmain(['--help'], prog_name='tpzoo')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
