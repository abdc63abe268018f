"""`tpzoo list` and `tpzoo plugins`: tables for people, JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import assert_message, tpzoo

KINDS = {
    "architecture", "feedback", "map", "learner", "output", "loss", "rule", "dataset", "probe", "logger", "recipe",
}  # fmt: skip


def test_json_keeps_its_contract() -> None:
    found = json.loads(tpzoo("list", "--json").stdout)
    assert all(set(item) == {"kind", "name", "summary", "paper", "distribution"} for item in found)
    assert {item["kind"] for item in found} <= KINDS
    named = {(item["kind"], item["name"]) for item in found}
    assert {("rule", "bp"), ("dataset", "digits"), ("dataset", "mnist"), ("logger", "csv")} <= named
    assert all(item["summary"] and item["distribution"] == "tpzoo" for item in found)


def test_kind_and_pattern_narrow_the_list_down() -> None:
    found = json.loads(tpzoo("list", "dataset", "cifar*", "--json").stdout)
    assert [item["name"] for item in found] == ["cifar10", "cifar100"]
    assert found[0]["paper"]["year"] == 2009


def test_in_a_pipe_every_entry_is_one_line() -> None:
    header, *lines = tpzoo("list", "dataset", COLUMNS="40").stdout.splitlines()
    assert header.split() == ["kind", "name", "summary", "paper", "distribution"]
    names = [line.split()[1] for line in lines]
    assert names == sorted(names)
    assert {"digits", "npz"} <= set(names)


def test_recipes_have_no_paper_column_and_bases_are_not_among_them() -> None:
    header, *lines = tpzoo("list", "recipe").stdout.splitlines()
    assert header.split() == ["kind", "name", "summary", "distribution"]
    names = {line.split()[1] for line in lines}
    assert "meulemans2020/mnist/dtp" in names
    assert not [name for name in names if name.endswith("base")]


def test_what_recipes_share_is_not_trained_by_name(tmp_path: Path) -> None:
    done = tpzoo("train", "meulemans2020/base", cwd=tmp_path)
    assert_message(done, "meulemans2020/base", "no such file")


def test_nothing_found_is_not_an_error() -> None:
    done = tpzoo("list", "rule", "no_such_*")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing matches" in done.stderr
    assert json.loads(tpzoo("list", "rule", "no_such_*", "--json").stdout) == []


def test_an_unknown_kind_is_the_users_mistake() -> None:
    assert_message(tpzoo("list", "datset"), "unknown kind 'datset'", "dataset")


def test_a_plugin_file_is_listed_and_a_broken_one_is_named(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.py", tmp_path / "broken.py"
    good.write_text(
        "from tpzoo import DataSet, DataSettings, hookimpl\n"
        "@hookimpl\ndef tpzoo_datasets():\n"
        "    yield DataSet(name='mine', summary='my data', build='no:where', config=DataSettings)\n"
    )
    broken.write_text("import no_such_module\n")
    done = tpzoo("list", "dataset", "mine", "--plugin", good, "--plugin", broken)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == ["dataset", "mine", "my", "data", "good"]
    assert "no_such_module" in done.stderr
    assert "Traceback" not in done.stderr

    plugins = {item["key"]: item for item in json.loads(tpzoo("plugins", "--json", "--plugin", broken).stdout)}
    assert plugins[str(broken)]["state"] == "failed"
    assert "no_such_module" in plugins[str(broken)]["error"]
    table = tpzoo("plugins", "--plugin", good)
    assert any(line.split()[-2:] == ["dataset", "mine"] for line in table.stdout.splitlines())
