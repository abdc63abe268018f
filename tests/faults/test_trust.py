"""Whose code runs: plugin files that the user named or trusts, and no others."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.command import assert_message, inside
from tests.support.plugin_kit import rule
from tpzoo.cli import trust as cli
from tpzoo.config import load
from tpzoo.errors import PluginError
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.files import read_file
from tpzoo.plugin.trust import UntrustedError, asking, distrust, remember, settings_folder, trust_folder, trusted

MARKED = "import pathlib\npathlib.Path({mark!r}).touch()\n" + rule("mine")


pytestmark = pytest.mark.usefixtures("nothing_trusted")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What is there once the stranger's plugin has run."""
    return tmp_path / "ran"


@pytest.fixture
def config(tmp_path: Path, mark: Path) -> Path:
    """A stranger's config, and his plugin beside it."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "mine.py").write_text(MARKED.format(mark=str(mark)))
    path = folder / "config.yaml"
    path.write_text("plugins: [mine.py]\nrule: mine\nfeedback: direct\n")
    return path


@pytest.mark.parametrize("verb", [("show", "config"), ("check",), ("train",)])
def test_a_config_runs_nothing(verb: tuple[str, ...], config: Path, mark: Path) -> None:
    plugin = config.with_name("mine.py")
    said = inside(*verb, config)
    assert_message(said, str(plugin), f"tpzoo trust {plugin.parent}", f"--plugin {plugin}", "config.yaml:1")
    assert not mark.exists()
    assert "unknown rule" not in said.stderr


def test_what_is_named_runs_and_is_remembered_in_this_version(config: Path, mark: Path) -> None:
    plugin = config.with_name("mine.py")
    load(config, plugins=[str(plugin)])
    mark.unlink()
    sys.modules.pop(read_file(plugin).module)
    load(config)
    assert mark.exists()
    mark.unlink()
    plugin.write_text(plugin.read_text() + "# another version\n")
    with pytest.raises(UntrustedError, match="which changed since you ran it"):
        load(config)
    assert not mark.exists()


def test_the_variable_names_plugins_too(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPZOO_PLUGINS", str(config.with_name("mine.py")))
    load_catalogue()
    monkeypatch.delenv("TPZOO_PLUGINS")
    assert load(config).experiment.rule.name == "mine"


def test_below_a_trusted_folder_edits_ask_nothing(config: Path, mark: Path) -> None:
    assert inside("trust", config.parent).returncode == 0
    for edit in range(10):
        plugin = config.with_name("mine.py")
        plugin.write_text(plugin.read_text() + f"# edit {edit}\n")
        assert load(config).experiment.rule.name == "mine"
    assert inside("trust", "--list").stdout == f"{config.parent}/\n"  # the edits are not remembered one by one
    assert inside("trust", config.parent, "--remove").returncode == 0
    with pytest.raises(UntrustedError):
        load(config)
    assert_message(inside("trust", config.parent, "--remove"), "was not trusted")


def test_a_link_is_where_it_leads(config: Path, tmp_path: Path) -> None:
    inside_folder = tmp_path / "trusted"
    inside_folder.mkdir()
    (inside_folder / "mine.py").symlink_to(config.with_name("mine.py"))
    config.write_text("plugins: [../trusted/mine.py]\nrule: mine\nfeedback: direct\n")
    trust_folder(inside_folder)
    with pytest.raises(UntrustedError):
        load(config)


def test_the_folder_of_a_run_is_never_trusted(config: Path, tmp_path: Path) -> None:
    config.with_name("status.json").write_text("{}")
    assert_message(inside("trust", config.parent), "the folder of a run is never trusted")
    (config.parent / "plugins").mkdir()
    assert_message(inside("trust", config.parent / "plugins"), "the folder of a run is never trusted")
    trust_folder(tmp_path)
    with pytest.raises(UntrustedError) as caught:
        load(config)
    assert "tpzoo trust" not in caught.value.hint
    assert inside("trust", config.with_name("mine.py")).returncode == 0  # one version of one file
    load(config)


def test_the_bytes_that_were_digested_are_those_that_run(config: Path, mark: Path) -> None:
    plugin = config.with_name("mine.py")
    file = read_file(plugin)
    plugin.write_text("raise SystemExit('another file')\n")
    assert file.load().__file__ == str(plugin)
    assert mark.exists()
    assert not (plugin.parent / "__pycache__").exists()


def test_a_compiled_copy_is_not_run(config: Path, mark: Path, tmp_path: Path) -> None:
    plugin = config.with_name("mine.py")
    evil = tmp_path / "evil.py"
    evil.write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'evil')!r}).touch()\n" + rule("mine"))
    os.utime(evil, (1, 1))
    os.utime(plugin, (1, 1))
    import importlib.util
    import py_compile

    made = importlib.util.cache_from_source(str(plugin))
    py_compile.compile(str(evil), made, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    load(config, plugins=[str(plugin)])
    assert mark.exists()
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("answer", "runs", "after"), [("folder", True, True), ("version", True, True), ("no", False, False)]
)
def test_a_terminal_is_asked(answer: str, runs: bool, after: bool, config: Path, mark: Path) -> None:
    asked = []

    def ask(file: object, asked_by: str) -> cli.Answer:
        asked.append(asked_by)
        return answer  # type: ignore[return-value]

    with asking(ask), pytest.raises(UntrustedError) if answer == "no" else nullcontext():
        load(config)
    assert asked == [f"{config}:1"]
    assert mark.exists() == (answer != "no")
    assert trusted().allows(read_file(config.with_name("mine.py"))) == (answer != "no")


def test_at_a_real_terminal(config: Path) -> None:
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "tpzoo", "show", "config", str(config)]
    child = subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal)
    os.write(main, b"version\n")
    out, _ = child.communicate(timeout=120)
    os.close(terminal)
    os.close(main)
    assert child.returncode == 0
    assert b"rule:" in out


def test_twenty_processes_remember_at_once(tmp_path: Path) -> None:
    files = []
    for number in range(20):
        path = tmp_path / f"rule_{number}.py"
        path.write_text(rule(f"rule_{number}"))
        files.append(path)
    code = (
        "import sys, pathlib, tpzoo.plugin.trust as trust, tpzoo.plugin.files as files\n"
        "trust.remember(files.read_file(pathlib.Path(sys.argv[1])))"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for path in files]
    assert [child.wait() for child in children] == [0] * 20
    assert sorted(path for _, path in trusted().files) == sorted(map(str, files))


def test_settings_that_cannot_be_read_trust_nothing_and_are_not_written_over(config: Path) -> None:
    settings_folder().mkdir(parents=True)
    path = settings_folder() / "trust.json"
    for content in ("[]", "{", json.dumps({"folders": 3, "files": []}), "\xff"):
        path.write_text(content, "latin-1")
        with pytest.raises(PluginError, match=r"trust\.json cannot be read"):
            load(config)
        assert load(config, plugins=[str(config.with_name("mine.py"))]).experiment.rule.name == "mine"
        remember(read_file(config.with_name("mine.py")))
        assert path.read_text("latin-1") == content


def test_what_cannot_be_written_is_not_said_to_be_trusted(config: Path) -> None:
    plugin = config.with_name("mine.py")
    settings_folder().parent.mkdir()
    settings_folder().write_text("a file where the folder should be")
    load(config, plugins=[str(plugin)])  # it was named, and runs
    for place in (plugin, plugin.parent):
        assert_message(inside("trust", place), "trust.json cannot be read")
    settings_folder().unlink()
    assert inside("trust", plugin).returncode == 0
    assert trusted().files[0][1] == str(plugin)


def test_removing_a_file_removes_all_its_versions(config: Path) -> None:
    plugin = config.with_name("mine.py")
    for number in range(3):
        plugin.write_text(plugin.read_text() + f"# {number}\n")
        remember(read_file(plugin))
    assert len(trusted().files) == 3
    assert distrust(plugin)
    assert not trusted().files
