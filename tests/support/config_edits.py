"""Random edits of configs: what a slip of the hand, of the editor or of a merge makes of one."""

from __future__ import annotations

import random
import string
from typing import Any

VALUES = [
    "",
    "null",
    "on",
    "12:30",
    "08",
    "-1",
    "1e400",
    "[]",
    "{}",
    "[1, [2]]",
    "{a: 1}",
    "'x",
    "${a}",
    "&a b",
    "*",
    "!x",
    "nan",
]


def characters(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(string.printable) + text[at + chance.choice([0, 1]) :]


def cut(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.sample(range(len(text)), 2))
    return text[:start] + text[end:]


def swap_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def indent(text: str, chance: random.Random) -> str:
    lines = text.splitlines()
    at = chance.randrange(len(lines))
    lines[at] = "  " + lines[at] if chance.random() < 0.5 else lines[at].lstrip()
    return "\n".join(lines)


def value(text: str, chance: random.Random) -> str:
    lines = [line for line in text.splitlines() if ":" in line]
    line = chance.choice(lines)
    return text.replace(line, line.partition(":")[0] + ": " + chance.choice(VALUES))


EDITS = (characters, cut, swap_lines, indent, value)
"""Every way to edit the text of a config: ``edit(text, chance) -> text``."""

FREE = {"options", "lr", "eps", "weight_decay", "momentum", "sigma", "iterations"}
"""Settings whose keys are the user's own: options of a library, and patterns of blocks and edges."""


def mappings(tree: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every mapping in a config whose keys are fixed, with its place."""
    if not isinstance(tree, dict) or path.rpartition(".")[2] in FREE:
        return []
    found = [(path, tree)]
    for key, item in tree.items():
        found += mappings(item, f"{path}.{key}" if path else key)
    return found


def with_unknown_key(mapping: dict[str, Any], chance: random.Random) -> str:
    """Put a key that nothing knows into a mapping; returns the key."""
    key = "".join(chance.choices(string.ascii_lowercase, k=8))
    mapping[key] = chance.choice([1, "x", None, {}, [1]])
    return key
