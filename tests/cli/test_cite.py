"""`tpzoo cite`: BibTeX of tpzoo, of an entry, and of everything that a config uses."""

from __future__ import annotations

import re

from tests.support.command import assert_message, tpzoo
from tpzoo import Paper
from tpzoo.plugin.bibtex import bibliography
from tpzoo.plugin.discovery import load_catalogue


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


def fields(entry: str) -> dict[str, str]:
    """The fields of one BibTeX entry; fails if it cannot be parsed."""
    head, *lines, end = entry.splitlines()
    assert re.fullmatch(r"@(inproceedings|article|techreport|misc)\{\w+,", head)
    assert end == "}"
    found = [re.fullmatch(r"  (\w+) = \{(.*)\},", line) for line in lines]
    assert all(found)
    values = {match[1]: match[2] for match in found if match}
    assert all(value.count("{") == value.count("}") for value in values.values())
    return values


def test_an_entry_needs_no_retyping() -> None:
    text = tpzoo("cite", "learner", "drl").stdout.strip()
    assert text.startswith("@inproceedings{")
    found = fields(text)
    assert found["booktitle"] == "Advances in Neural Information Processing Systems"
    assert (found["year"], found["eprint"], found["archiveprefix"]) == ("2020", "2006.14331", "arXiv")


def test_every_paper_of_the_zoo_can_be_cited() -> None:
    papers = [entry.record.paper for entry in load_catalogue().entries() if entry.record.paper]
    entries = bibliography(papers).split("\n\n")
    assert len(entries) == len(set(papers)) > 8
    for entry in entries:
        found = fields(entry)
        assert {"title", "author", "year"} <= found.keys()
        assert found.keys() & {"booktitle", "journal", "institution", "howpublished"}
        if entry.startswith("@misc"):
            assert found["howpublished"] == "arXiv"


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
