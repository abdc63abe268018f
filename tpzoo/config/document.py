"""Read YAML into plain values and the line of each. Nothing is constructed or executed.

Scalars without quotes stay text until their setting says what they are. Refused, each with its place: tags, anchors and
aliases, keys given twice, keys that are not scalars, and the reserved texts of :mod:`tpzoo.config.layer`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import yaml  # type: ignore[import-untyped]

from tpzoo.config.layer import Layer, refuse_reserved
from tpzoo.config.problems import Path, Problems, Where
from tpzoo.config.scalars import Unquoted, value_of

_START = yaml.Mark("", 0, 0, 0, None, None)
_FORBIDDEN = {
    yaml.TagToken: "YAML tags (!...) are not allowed: a config holds plain values only",
    yaml.AnchorToken: "YAML anchors (&...) are not allowed: write the value where it is needed",
    yaml.AliasToken: "YAML aliases (*...) are not allowed: write the value where it is needed; quote a text with *",
}


def read_file(path: FilePath, asked: Where, problems: Problems, or_else: str = "") -> Layer | None:
    """Return what a file says, or None (and note why) if it cannot be read.

    Args:
        path: the file.
        asked: who asks for it; the place of an error about the file as a whole.
        problems: where to note what is wrong.
        or_else: what to say if there is none, beside that.
    """
    if not path.is_file():  # a device or a pipe would be read for ever
        problems.add(asked, (str(path),), "is not a file" if path.exists() else f"there is no such file{or_else}")
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problems.add(asked, (str(path),), "is not a text file in UTF-8")
        return None
    except OSError as error:
        problems.add(asked, (str(path),), f"cannot be read: {error.strerror}")
        return None
    layer = read_text(text, lambda mark: Where(f"{path}:{mark.line + 1}"), problems)
    if layer is None or isinstance(layer.tree, dict):
        return layer
    if isinstance(layer.tree, Unquoted) and value_of(layer.tree) is None:
        return Layer({}, layer.places)
    problems.add(layer.where(()), (), "a config is a mapping: lines of the form `key: value`")
    return None


def read_text(text: str, locate: Callable[[yaml.Mark], Where], problems: Problems) -> Layer | None:
    """Return what a YAML text says (any value), or None (and note why) if it is not one document of plain YAML."""
    forbidden = False
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if type(token) in _FORBIDDEN:
                problems.add(locate(token.start_mark), (), _FORBIDDEN[type(token)])
                forbidden = True
        if forbidden:
            return None
        reader = _Reader(locate, problems)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        layer = Layer(Unquoted() if root is None else reader.value(root, (), root.start_mark), reader.places)
        refuse_reserved(layer.tree, layer.note(problems))
        return layer
    except yaml.YAMLError as error:
        detail = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        problems.add(locate(getattr(error, "problem_mark", None) or _START), (), f"not YAML: {detail}")
    except RecursionError:
        problems.add(locate(_START), (), "nested too deeply")
    return None


class _Reader:
    def __init__(self, locate: Callable[[yaml.Mark], Where], problems: Problems) -> None:
        self.locate, self.problems = locate, problems
        self.places: dict[Path, Where] = {(): locate(_START)}

    def value(self, node: yaml.Node, path: Path, mark: yaml.Mark) -> Any:
        """The plain value of a node; it stands at ``mark``, which is its key's, as that is where a reader looks."""
        self.places[path] = self.locate(mark)
        if isinstance(node, yaml.ScalarNode):
            return Unquoted(node.value) if node.style is None else node.value
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index), item.start_mark) for index, item in enumerate(node.value)]
        found: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problems.add(self.locate(key.start_mark), path, "a key must be plain text")
                continue
            place = (*path, key.value)
            if key.value in found:
                self.problems.add(self.locate(key.start_mark), place, "given twice")
            found[key.value] = self.value(item, place, key.start_mark)
        return found
