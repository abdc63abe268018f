"""Read YAML into nodes that know their line. Nothing is constructed or executed.

Refused, each with its place: tags, anchors and aliases, keys given twice, keys that are not scalars, interpolation
(``${...}``, with which a stranger's config could read the environment) and ``???``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tpzoo.config.nodes import Entries, Items, Leaf, Node
from tpzoo.config.problems import Problems, Where
from tpzoo.config.scalars import parse_scalar

DEEPEST = 20
Locate = Callable[[yaml.Mark], Where]


def read_file(path: Path, asked: Where, problems: Problems) -> Entries | None:
    """Return the mapping in a file, or None (and note why) if it cannot be read.

    Args:
        path: the file.
        asked: who asks for it; the place of an error about the file as a whole.
        problems: where to note what is wrong.
    """
    if not path.is_file():  # a device or a pipe would be read for ever
        problems.add(asked, str(path), "is not a file" if path.exists() else "there is no such file")
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problems.add(asked, str(path), "is not a text file in UTF-8")
        return None
    except OSError as error:
        problems.add(asked, str(path), f"cannot be read: {error.strerror}")
        return None
    node = read_text(text, lambda mark: Where(f"{path}:{mark.line + 1}"), problems)
    if node is None or isinstance(node, Entries):
        return node
    if isinstance(node, Leaf) and node.value is None:
        return Entries(node.where)
    problems.add(node.where, "", "a config is a mapping: lines of the form `key: value`")
    return None


def read_text(text: str, locate: Locate, problems: Problems) -> Node | None:
    """Return the root node of a YAML text, or None (and note why) if it is not one document of plain YAML."""
    known = len(problems.found)
    try:
        _refuse_tokens(text, locate, problems)
        if len(problems.found) > known:
            return None
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        start = yaml.Mark("", 0, 0, 0, None, None)
        return Leaf("", None, locate(start)) if root is None else _Reader(locate, problems).node(root, "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or yaml.Mark("", 0, 0, 0, None, None)
        detail = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        problems.add(locate(mark), "", f"not YAML: {detail}")
    except RecursionError:
        problems.add(locate(yaml.Mark("", 0, 0, 0, None, None)), "", "nested too deeply")
    return None


def _refuse_tokens(text: str, locate: Locate, problems: Problems) -> None:
    forbidden = {
        yaml.TagToken: "YAML tags (!...) are not allowed: a config holds plain values only",
        yaml.AnchorToken: "YAML anchors (&...) are not allowed: write the value where it is needed",
        yaml.AliasToken: "YAML aliases (*...) are not allowed: write the value where it is needed; quote a text with *",
    }
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if type(token) in forbidden:
            problems.add(locate(token.start_mark), "", forbidden[type(token)])


class _Reader:
    def __init__(self, locate: Locate, problems: Problems) -> None:
        self.locate = locate
        self.problems = problems

    def node(self, node: yaml.Node, path: str, depth: int = 0) -> Node:
        where = self.locate(node.start_mark)
        if depth > DEEPEST:
            self.problems.add(where, "", "nested too deeply")
            return Leaf("", None, where)
        if isinstance(node, yaml.ScalarNode):
            value = parse_scalar(node.value) if node.style is None else node.value
            return checked(Leaf(node.value, value, where, node.style is not None), path, self.problems)
        if isinstance(node, yaml.SequenceNode):
            return Items(tuple(self.node(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(node.value)), where)
        return self.entries(node, path, depth + 1)

    def entries(self, node: yaml.MappingNode, path: str, depth: int) -> Entries:
        entries = Entries(self.locate(node.start_mark))
        for key, value in node.value:
            where = self.locate(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.add(where, path, "a key must be plain text")
                continue
            name = checked(Leaf(key.value, key.value, where), path, self.problems).text
            place = f"{path}.{name}" if path else name
            if name in entries.items:
                self.problems.add(where, place, "given twice")
            entries.items[name] = _at_key(self.node(value, place, depth), where)
        return entries


def _at_key(node: Node, where: Where) -> Node:
    """Move a block mapping or list to the line of its key, which is where a reader looks for it."""
    if isinstance(node, Entries):
        node.where = where
        return node
    return Items(node.items, where) if isinstance(node, Items) else node


def checked(leaf: Leaf, path: str, problems: Problems) -> Leaf:
    """Note a text that OmegaConf would not take literally."""
    if "${" in leaf.text:
        problems.add(leaf.where, path, "interpolation ${...} is not allowed: write the value itself")
    elif leaf.text == "???":
        problems.add(leaf.where, path, "'???' is reserved: write the value itself")
    else:
        return leaf
    return Leaf("", None, leaf.where)
