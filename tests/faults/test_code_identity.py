"""The code of plugins is part of what a run is: other code is never averaged, skipped or gone on with unsaid."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import assert_message, inside
from tests.support.plugin_kit import install
from tests.support.runs import write_toy_data
from tpzoo.plugin.catalogue import PluginInfo
from tpzoo.plugin.source import code_digest, sources_of
from tpzoo.report.methods import make_methods
from tpzoo.report.runs import find_runs
from tpzoo.runner.folder import RunFolder

RULE = '''"""A rule of a colleague's."""

from tpzoo import Rule, TargetRule, hookimpl

SCALE = 1.0


class Scaled(Rule):
    """Backpropagates the error."""

    def train_step(self, context):
        gradients = context.backprop()
        context.step("forward", {name: SCALE * value for name, value in gradients.items()})


@hookimpl
def tpzoo_target_rules():
    yield TargetRule(name="scaled", summary="s", build=Scaled, uses_feedback=False, makes_displacements=False)
'''
SMALL = ("rule=scaled", "epochs=2", "evaluation_batch_size=10", "device=cpu", "loggers.console=null", "batch_size=10")


pytestmark = pytest.mark.usefixtures("nothing_trusted")


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "my_rule.py"
    path.parent.mkdir()
    path.write_text(RULE)
    return path


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, ...]:
    return (*SMALL, "data=npz", f"data.path={write_toy_data(tmp_path)}", "architecture.hidden=[6]")


def trained(plugin: Path, data: tuple[str, ...], folder: str, *more: str) -> Path:
    done = inside("train", *data, *more, "--plugin", plugin, "--run-dir", folder, "--quiet", "--threads", "1")
    assert done.returncode == 0, done.stderr
    return Path(folder).resolve()


def edit(plugin: Path, before: str, after: str) -> None:
    text = plugin.read_text()
    assert before in text
    plugin.write_text(text.replace(before, after))


def code(run: Path) -> list[dict[str, str]]:
    sessions = RunFolder(run).environment()["sessions"]
    return [{owner: each["code"] for owner, each in session["code"].items()} for session in sessions]


def test_a_rule_edited_between_seeds_is_another_method(plugin: Path, data: tuple[str, ...], tmp_path: Path) -> None:
    for seed in (0, 1):
        trained(plugin, data, f"runs/{seed}", f"seed={seed}")
    edit(plugin, "SCALE = 1.0", "SCALE = 2.0")
    for seed in (2, 0):
        trained(plugin, data, f"runs/new-{seed}", f"seed={seed}")
    methods, warnings = make_methods(find_runs([tmp_path / "runs"]).runs)
    assert sorted(sorted(run.folder.name for run in method.runs) for method in methods) == [
        ["0", "1"],
        ["new-0", "new-2"],
    ]
    assert all("(code=" in method.label for method in methods)
    (line,) = warnings
    assert "other code (my_rule), so other methods" in line
    assert "--join-code" in line
    (joined,), warnings = make_methods(find_runs([tmp_path / "runs"]).runs, join_code=True)
    assert [run.seed[0] for run in joined.runs] == [0, 1, 2]
    assert len(warnings) == 1  # seed 0 is there twice
    done = inside("report", "runs", "--join-code", "--format", "svg")
    assert done.returncode == 0, done.stderr
    page = Path("report/report.md").read_text()
    assert page.index("joined by --join-code") > page.index("| --- |")


def test_a_session_with_other_code_labels_the_run(plugin: Path, data: tuple[str, ...]) -> None:
    run = trained(plugin, data, "run", "checkpoint.every_epochs=1")
    edit(plugin, "SCALE = 1.0", "SCALE = 2.0")
    options = ("--resume", run, "--checkpoint", "epoch-0001", "--run-dir", "copy", "--quiet")
    said = inside("train", *options)
    assert_message(
        said, "the code of the plugin 'my_rule'", "--changed-plugin", f"--plugin {run / 'plugins' / 'my_rule.py'}"
    )
    assert not Path("copy").exists()
    done = inside("train", *options, "--changed-plugin")
    assert done.returncode == 0, done.stderr
    assert "my_rule's code" in done.stderr
    before, after = code(Path("copy"))
    assert before["my_rule"] != after["my_rule"]
    assert before["tpzoo"] == after["tpzoo"]
    kept = sorted(Path("copy/plugins").rglob("*.py"))
    assert [path.relative_to("copy/plugins").as_posix() for path in kept] == ["2/my_rule.py", "my_rule.py"]
    assert "SCALE = 2.0" in kept[0].read_text()
    (run_one, run_two) = find_runs([run, Path("copy")]).runs
    assert (len(run_one.code), len(run_two.code)) == (1, 2)
    assert len(make_methods([run_one, run_two])[0]) == 2


def test_the_copy_that_the_run_keeps_runs_like_any_file(plugin: Path, data: tuple[str, ...]) -> None:
    run = trained(plugin, data, "run")
    accuracy = inside("evaluate", run, "--json").stdout
    edit(plugin, "SCALE = 1.0", "SCALE = 2.0")
    copy = run / "plugins" / "my_rule.py"
    assert_message(inside("evaluate", run), "--changed-plugin", f"--plugin {copy}")
    done = inside("evaluate", run, "--json", "--plugin", copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, accuracy, "")
    assert inside("evaluate", run, "--changed-plugin").returncode == 0
    plugin.unlink()
    assert_message(inside("evaluate", run), "cannot be read", f"--plugin {copy}")
    assert inside("evaluate", run, "--plugin", copy).returncode == 0
    copy.unlink()  # nothing is named that is not there
    said = inside("evaluate", run)
    assert_message(said, "cannot be read", "put it back")
    assert str(copy) not in said.stderr


def test_changed_comments_need_nothing(plugin: Path, data: tuple[str, ...]) -> None:
    run = trained(plugin, data, "run")
    edit(plugin, '"""Backpropagates the error."""', '"""Does what its name says."""  # and no more')
    done = inside("evaluate", run)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plugin_of_another_folder_is_resumed_and_evaluated_without_a_word(
    plugin: Path, data: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(plugin, data, "run", "checkpoint.every_epochs=1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    done = inside("evaluate", run)
    assert (done.returncode, done.stderr) == (0, "")
    done = inside("train", "--resume", run, "--checkpoint", "epoch-0001", "--discard-later", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(code(run)) == 2


def test_on_another_machine_the_file_must_be_trusted_once(
    plugin: Path, data: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(plugin, data, "run")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another machine"))
    assert_message(inside("evaluate", run), str(plugin), "tpzoo trust")
    assert_message(inside("evaluate", run, "--changed-plugin"), str(plugin), "tpzoo trust")
    assert inside("evaluate", run, "--plugin", plugin).returncode == 0
    assert inside("evaluate", run).returncode == 0


def test_a_stranger_cannot_have_his_version_run_by_a_flag(plugin: Path, data: tuple[str, ...], tmp_path: Path) -> None:
    run = trained(plugin, data, "run")
    theirs = tmp_path / "theirs" / "my_rule.py"
    theirs.parent.mkdir()
    theirs.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + RULE)
    folder = Path(shutil.copytree(run, tmp_path / "theirs" / "run"))
    for name in ("config.yaml", "environment.json"):
        text = (folder / name).read_text().replace(str(plugin), str(theirs))
        (folder / name).write_text(text)
    content = json.loads((folder / "environment.json").read_text())
    del content["digest"]
    (folder / "environment.json").write_text(json.dumps(content))
    assert_message(inside("evaluate", folder, "--changed-plugin"), str(theirs))
    assert not (tmp_path / "ran").exists()


def test_an_edited_package_is_other_code(
    data: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    install(site, "acme-id", {"plugin": "from acme_id_pkg.rules import *\n"})
    (site / "acme_id_pkg").mkdir()
    (site / "acme_id_pkg" / "__init__.py").write_text("")
    (site / "acme_id_pkg" / "rules.py").write_text(RULE)
    (site / "acme_id-1.0.dist-info" / "entry_points.txt").write_text("[tpzoo]\nplugin = acme_id_pkg.rules\n")
    (site / "acme_id_pkg" / "other.py").write_text("VALUE = 1\n")
    run = tmp_path / "run"
    done = inside("train", *data, "--run-dir", run, "--quiet", "--threads", "1")
    assert done.returncode == 0, done.stderr
    (session,) = code(run)
    assert sorted(session) == ["acme-id", "tpzoo"]
    (site / "acme_id_pkg" / "other.py").write_text("# a comment\nVALUE = 1\n")
    assert inside("evaluate", run).stderr == ""
    (site / "acme_id_pkg" / "other.py").write_text("VALUE = 2\n")
    assert_message(inside("evaluate", run), "the code of the plugin 'acme-id'", "--changed-plugin")
    done = inside("evaluate", run, "--changed-plugin")
    assert done.returncode == 0
    assert "acme-id's code" in done.stderr


def test_other_versions_are_said_in_one_line(plugin: Path, data: tuple[str, ...]) -> None:
    run = trained(plugin, data, "run")
    where = RunFolder(run)
    environment: dict[str, Any] = where.environment()
    environment["sessions"][0]["packages"]["torch"] = "1.0"
    environment["sessions"][0]["code"]["tpzoo"]["source"] = "another"
    environment["sessions"][0]["code"]["tpzoo"]["code"] = "another"
    where.write_environment(environment)
    done = inside("evaluate", run)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "torch 1.0 -> " in done.stderr
    assert "tpzoo's code another -> " in done.stderr


def test_data_that_differ_are_other_methods_too(plugin: Path, data: tuple[str, ...], tmp_path: Path) -> None:
    import numpy as np

    trained(plugin, data, "runs/0", "seed=0")
    trained(plugin, data, "runs/2", "seed=2", "data.split_seed=2", "data.validation=12")
    trained(plugin, data, "runs/3", "seed=3", "data.split_seed=3", "data.validation=12")
    held_out, _ = make_methods(find_runs([Path("runs/2"), Path("runs/3")]).runs)
    assert len(held_out) == 1  # the rows that a seed holds out make no other method
    shutil.rmtree("runs/2")
    shutil.rmtree("runs/3")
    path = tmp_path / "toy.npz" if (tmp_path / "toy.npz").exists() else next(tmp_path.glob("*.npz"))
    arrays = dict(np.load(path))
    arrays["x_test"][0, 0, 0, 0] ^= 1
    np.savez(path, **arrays)
    trained(plugin, data, "runs/1", "seed=1")
    methods, warnings = make_methods(find_runs([tmp_path / "runs"]).runs)
    assert len(methods) == 2
    assert "but other data, so other methods" in warnings[0]
    assert len(make_methods(find_runs([tmp_path / "runs"]).runs, join_code=True)[0]) == 2


def test_the_code_of_a_source() -> None:
    base = b'"""Doc."""\nx = 1\ndef f(a):\n    "doc"\n    return a + x\n'
    same = b'# comment\n"""Other doc."""\n\nx = 1\n\ndef f(a):\n    """New doc."""\n    return (a + x)  # sum\n'
    assert code_digest(base) == code_digest(same)
    for other in (base.replace(b"1", b"1.0"), base.replace(b"+", b"-"), base.replace(b"return ", b""), base + b"f(2)\n",
                  base.replace(b"x = 1", b"x = True"), base.replace(b"(a)", b"(a, b=None)")):  # fmt: skip
        assert code_digest(other) != code_digest(base)
    assert code_digest(b"not python (") != code_digest(b"not python  (")
    one = sources_of([PluginInfo("/a/x.py", "x", content=base)])["x"]
    other = sources_of([PluginInfo("/b/x.py", "x", content=same)])["x"]
    assert (one.code, one.source == other.source) == (other.code, False)


def test_tpzoos_own_digest_covers_what_computes() -> None:
    from tpzoo.plugin.source import package_files

    names = package_files("tpzoo.zoo.rules.plugin")
    assert "tpzoo/engine/step.py" in names
    assert not [name for name in names if name.startswith(("tpzoo/cli/", "tpzoo/report/", "tpzoo/templates/"))]
    assert sys.modules["tpzoo"].__file__
