"""Read YAML into plain trees with a table of places. Nothing is constructed or executed.

Refused, each with its place: tags, anchors and aliases, keys given twice, keys that are not scalars, interpolation
(``${...}``, with which a stranger's config could read the environment) and ``???``.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import yaml  # type: ignore[import-untyped]

from tpzoo.config.problems import Problems, Where
from tpzoo.config.tree import Layer, Path, Quoted, Tree, is_blank

DEEPEST = 20
Locate = Callable[[yaml.Mark], Where]


def read_file(path: pathlib.Path, asked: Where, problems: Problems) -> Layer | None:
    """Return what a file says, or None (and note why) if it cannot be read.

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
    layer = Layer()
    tree = read_text(text, lambda mark: Where(f"{path}:{mark.line + 1}"), problems, layer, ())
    if tree is None:
        return None
    if isinstance(tree, dict) or is_blank(tree):
        layer.tree = tree or {}
        return layer
    problems.add(layer.where(()), "", "a config is a mapping: lines of the form `key: value`")
    return None


def read_text(text: str, locate: Locate, problems: Problems, layer: Layer, path: Path) -> Tree | None:
    """Return the tree of a YAML text that stands at ``path`` of ``layer``, and note its places there.

    None (and a note why) if it is not one document of plain YAML.
    """
    known = len(problems.found)
    try:
        _refuse_tokens(text, locate, problems)
        if len(problems.found) > known:
            return None
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        layer.places[path] = locate(yaml.Mark("", 0, 0, 0, None, None) if root is None else root.start_mark)
        return "" if root is None else _Reader(locate, problems, layer).tree(root, path)
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
    def __init__(self, locate: Locate, problems: Problems, layer: Layer) -> None:
        self.locate, self.problems, self.layer = locate, problems, layer

    def tree(self, node: yaml.Node, path: Path, depth: int = 0) -> Tree:
        where = self.layer.places.setdefault(path, self.locate(node.start_mark))
        if depth > DEEPEST:
            self.problems.add(self.locate(node.start_mark), "", "nested too deeply")
            return ""
        if isinstance(node, yaml.ScalarNode):
            text = node.value if node.style is None else Quoted(node.value)
            self.layer.places[path] = where = self.locate(node.start_mark)
            return checked(text, where, ".".join(path), self.problems)
        if isinstance(node, yaml.SequenceNode):
            return [self.tree(item, (*path, str(i)), depth + 1) for i, item in enumerate(node.value)]
        return self.mapping(node, path, depth + 1)

    def mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for key, value in node.value:
            where = self.locate(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.add(where, ".".join(path), "a key must be plain text")
                continue
            name = str(checked(key.value, where, ".".join(path), self.problems))
            place = (*path, name)
            if name in found:
                self.problems.add(where, ".".join(place), "given twice")
            self.layer.places[place] = where  # a block stands where its key does, which is where a reader looks for it
            found[name] = self.tree(value, place, depth)
        return found


def checked(text: str, where: Where, path: str, problems: Problems) -> str:
    """Note a text that OmegaConf would not take literally."""
    if "${" in text:
        problems.add(where, path, "interpolation ${...} is not allowed: write the value itself")
    elif text == "???":
        problems.add(where, path, "'???' is reserved: write the value itself")
    else:
        return text
    return ""
