"""The resolved config with a comment on every line: where its value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tpzoo.config.dump import dump_yaml
from tpzoo.config.resolved import LoadedConfig

INDENT = "  "


def annotated_yaml(loaded: LoadedConfig) -> str:
    """Return the resolved config as YAML with one value a line, each with its origin as a comment.

    It reads back to the same values as :meth:`LoadedConfig.to_yaml`.
    """
    lines = list(_lines(loaded.plain(), loaded.origins, "", ""))
    width = max(len(text) for text, _ in lines)
    return loaded.header() + "".join(
        f"{text:<{width}}  # {origin}\n" if origin else f"{text}\n" for text, origin in lines
    )


def _lines(tree: Mapping[str, Any], origins: Mapping[str, str], path: str, indent: str) -> Iterator[tuple[str, str]]:
    """Each line and its origin; a mapping that only groups has none of its own."""
    for key, value in tree.items():
        place = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value and _is_group(place, origins):
            yield f"{indent}{_one_line(key)}:", ""
            yield from _lines(value, origins, place, indent + INDENT)
        else:
            origin = origins.get(place) or (origins[path] if key == "name" else "removed")
            yield f"{indent}{_one_line(key)}: {_one_line(value)}", _printable(origin)


def _is_group(place: str, origins: Mapping[str, str]) -> bool:
    """Whether values below this place have origins of their own, or it is a component."""
    return place in ("probes", "loggers") or any(other.startswith(f"{place}.") for other in origins)


def _one_line(value: Any) -> str:
    """A value, however nested, as YAML on one line."""
    text = dump_yaml({"value": [value]}, width=2**31 - 1, flow=True).strip()
    return text.removeprefix("{value: [").removesuffix("]}")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
