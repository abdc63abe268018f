"""All problems at once, each with its place, and what a hostile or broken file can do: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_kit import Load, Problems
from tpzoo import ConfigError
from tpzoo.config import load
from tpzoo.plugin.catalogue import Catalogue


def test_the_format(problems: Problems) -> None:
    text = "seed: 0\noutput:\n  name: gradient\n  step_sise: 1\nepochs: -1\n"
    assert problems(text, "seeed=3", "nonsense") == [
        "exp.yaml:4     output.step_sise: not an option of output 'gradient'. Did you mean 'step_size'?",
        "exp.yaml:5     epochs: must be at least 0, got -1",
        "command line   nonsense: not of the form key=value",
        "command line   seeed=3: unknown key. Did you mean 'seed'?",
        "4 problems; nothing was run.",
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("seed: 1\nseed: 2", 2, "seed: given twice"),
        ("a: &x 1\n", 1, "anchors"),
        ("a: *x\n", 1, "aliases"),
        ("name: !!python/object/apply:os.system [touch hacked]", 1, "tags"),
        ("name: ${oc.env:HOME}", 1, "interpolation"),
        ("${oc.env:HOME}: 1", 1, "interpolation"),
        ("name: ???", 1, "reserved"),
        ("? [a]\n: 1", 1, "a key must be plain text"),
        ("- a\n- b", 1, "a config is a mapping"),
        ("just text", 1, "a config is a mapping"),
        ("seed: [1", 1, "not YAML"),
        ("seed: 1\n---\nseed: 2", 2, "not YAML"),
        ("seed:\n\t1", 2, "not YAML"),
        ("rule: {_target_: os.system}", 1, "rule._target_: not an option of rule 'dtp'"),
        ("optimizer.forward.lr: 3", 1, "optimizer.forward.lr: unknown key"),
        ("<<: {seed: 3}", 1, "<<: unknown key"),
        ("extend: base.yaml", 1, "Did you mean 'extends'?"),
        ("extends: [a, {b: c}]", 1, "expected the path of a file, relative to this file, or a list of them"),
        ("extends: gone.yaml", 1, "gone.yaml: there is no such file"),
        ("extends: .", 1, "is not a file"),
        ("extends: exp.yaml", 1, "extends itself"),
        ("plugins: [os]", 1, "is no Python file"),
        ("plugins: ../evil.py", 1, "cannot be read"),
        ("plugins: [gone.py]", 1, "cannot be read"),
        ("plugins: {a: b}", 1, "expected a list of paths"),
    ],
)
def test_one_problem(problems: Problems, tmp_path: Path, text: str, line: int, message: str) -> None:
    lines = [found for found in problems(text) if message in found]
    assert lines
    assert lines[0].startswith(f"exp.yaml:{line} ")
    assert not (tmp_path / "hacked").exists()


def test_deep_nesting_and_binary_files(problems: Problems, tmp_path: Path, catalogue: Catalogue) -> None:
    assert "nested too deeply" in problems("a: " + "[" * 1500 + "]" * 1500)[0]
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00seed")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "binary.yaml", (), catalogue)
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "gone.yaml", (), catalogue)


@pytest.mark.parametrize(
    "override",
    [
        "=3", "a..b=3", ".a=3", "", "seed", "extends=base.yaml", "seed=${x}", "seed=[1", "-=1",
        "seed={a: 1}", "extends={a: 1}", "nosuch={a: 1}", "rule.nosuch={a: 1}",
    ],
)  # fmt: skip
def test_bad_overrides_are_quoted(problems: Problems, override: str) -> None:
    quoted = override or "''"
    assert problems("", override)[0].startswith(f"command line   {quoted}: ")


def test_nothing_steers_the_terminal(problems: Problems) -> None:
    lines = problems('"a\\e[31m\\nb": 1')
    assert lines[0] == r"exp.yaml:1   a\x1b[31m\nb: unknown key."
    assert len(lines) == 2


@pytest.mark.parametrize("depth", [15, 25, 100, 400])
def test_deep_values_are_taken_or_refused_but_never_break(load_text: Load, problems: Problems, depth: int) -> None:
    text = "architecture: {name: cnn, options: {a: " + "[" * depth + "]" * depth + "}}"
    if depth == 15:
        assert load_text(text).to_yaml()
    else:
        assert "nested too deeply" in problems(text)[0]
        assert "not of the form" in problems("", "architecture.options" + ".a" * depth + "=1")[0]


def test_a_circle_of_files(problems: Problems) -> None:
    lines = problems("extends: a.yaml", a="extends: b.yaml", b="seed: 1\nextends: a.yaml")
    assert lines[0].startswith("b.yaml:2   extends: a.yaml extends itself")


def test_an_error_in_a_base_file_names_the_base_file(load_text: Load, problems: Problems) -> None:
    assert problems("extends: base.yaml\nseed: 1", base="\n\nepoch: 3")[0] == (
        "base.yaml:3   epoch: unknown key. Did you mean 'epochs'?"
    )


def test_a_file_that_is_a_stranger_s_cannot_read_the_environment(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    assert "hunter2" not in "\n".join(problems("name: ${oc.env:SECRET}\nnam: 1"))
