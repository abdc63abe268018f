"""`tpzoo cite`: BibTeX of tpzoo, of an entry, and of everything that a config uses."""

from __future__ import annotations

import re

from tests.support.command import assert_message, tpzoo
from tpzoo import Paper
from tpzoo.plugin.bibtex import bibliography


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", text, flags=re.MULTILINE)


def test_tpzoo_itself() -> None:
    text = tpzoo("cite").stdout
    assert keys(text) == ["tpzoo"]
    assert "target-propagation" in text


def test_one_entry() -> None:
    text = tpzoo("cite", "learner", "drl").stdout
    assert keys(text) == ["meulemans2020theoretical"]
    assert "author = {Alexander Meulemans and Francesco S. Carzaniga and" in text


def test_a_config_cites_each_paper_once() -> None:
    text = tpzoo("cite", "mnist/ddtp_linear", "rule=tp", "data=digits").stdout
    assert sorted(keys(text)) == ["bengio2014auto", "meulemans2020theoretical"]
    assert len(keys(text)) == text.count("\n}")


def test_without_a_paper_it_says_so() -> None:
    done = tpzoo("cite", "rule", "bp")
    assert (done.returncode, done.stdout) == (0, "")
    assert "names no paper" in done.stderr


def test_mistakes_get_a_message() -> None:
    assert_message(tpzoo("cite", "rule", "dpt"), "Did you mean 'dtp'?")
    assert_message(tpzoo("cite", "rule"), "one name after the kind 'rule'")
    assert_message(tpzoo("cite", "no_such_config"), "there is no such file")


def test_two_papers_of_one_author_and_year_get_two_keys() -> None:
    first = Paper("Targets & gradients", "Zoë Ångström, B. Author", 2020)
    second = Paper("Targets, again", "Zoë Ångström", 2020, "NeurIPS")
    text = bibliography([first, second, first])
    assert keys(text) == ["angstrom2020targets", "angstrom2020targetsb"]
    assert r"{{Targets \& gradients}}" in text
    assert "Zoë Ångström and B. Author" in text
