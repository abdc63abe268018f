"""Papers as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tpzoo._version import __version__
from tpzoo.plugin.records import Paper

TPZOO = f"""@software{{tpzoo,
  title = {{{{tpzoo: a zoo of target-propagation training methods for PyTorch}}}},
  author = {{{{The tpzoo authors}}}},
  version = {{{__version__}}},
}}"""
"""tpzoo itself."""

PLACE = {"inproceedings": "booktitle", "article": "journal", "techreport": "institution", "misc": "howpublished"}
"""Which field holds the venue, by the kind of entry."""

PROCEEDINGS = {
    "NeurIPS": "Advances in Neural Information Processing Systems",
    "ICML": "Proceedings of the International Conference on Machine Learning",
    "ICLR": "International Conference on Learning Representations",
    "AAAI": "Proceedings of the AAAI Conference on Artificial Intelligence",
    "ECML PKDD": "Machine Learning and Knowledge Discovery in Databases (ECML PKDD)",
}
"""The titles of proceedings that are known by short names."""

ARXIV = re.compile(r"arxiv\.org/abs/([\w.-]+/?\d+)", re.IGNORECASE)

SMALL = {"a", "an", "the", "on", "of", "how", "in", "for"}


def bibliography(papers: Iterable[Paper]) -> str:
    """Every paper once, in the order given, as BibTeX entries with keys that differ."""
    entries: dict[str, str] = {}
    for paper in dict.fromkeys(papers):
        key = stem = _key(paper)
        letters = iter("bcdefghijklmnopqrstuvwxyz")
        while key in entries:
            key = stem + next(letters)
        entries[key] = _entry(paper, key)
    return "\n\n".join(entries.values())


def _entry(paper: Paper, key: str) -> str:
    authors = " and ".join(name.strip() for name in paper.authors.split(","))
    venue, number = PROCEEDINGS.get(paper.venue, paper.venue), ARXIV.search(paper.url)
    fields = {
        "title": f"{{{_escaped(paper.title)}}}",  # a second pair of braces keeps the capitals
        "author": _escaped(authors),
        PLACE[paper.entry]: _escaped(venue),
        "year": str(paper.year),
        "eprint": number[1] if number else "",
        "archiveprefix": "arXiv" if number else "",
        "url": paper.url,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{paper.entry}{{{key},", *lines, "}"])


def _key(paper: Paper) -> str:
    """The first author's last name, the year, and the first word of the title that says something."""
    last = (paper.authors.split(",")[0].split() or ["anonymous"])[-1]
    parts = [word for word in re.findall(r"\w+", _ascii(paper.title).lower()) if word not in SMALL]
    return re.sub(r"[^a-z0-9]", "", _ascii(last).lower()) + str(paper.year) + (parts or [""])[0]


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_])", r"\\\1", text)
