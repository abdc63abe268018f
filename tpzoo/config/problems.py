"""What is wrong with a config: every problem, where it is, and what would work."""

from __future__ import annotations

from dataclasses import dataclass

from tpzoo.errors import ConfigError

COMMAND_LINE = "command line"
PYTHON = "settings"

Path = tuple[str | int | None, ...]
"""A place in a config: keys, and numbers of items in lists. None is a mapping's own value (see overrides)."""


def dotted(path: Path) -> str:
    """A path as people write it: ``architecture.conv[0].channels``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part is not None)[1:]


@dataclass(frozen=True)
class Where:
    """The origin of a value.

    Attributes:
        source: ``configs/base.yaml:7``, ``command line`` or ``default``.
        override: on the command line, the whole override.
    """

    source: str
    override: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.override}" if self.override else self.source


DEFAULT = Where("default")


class Problems:
    """Collects problems, so that a user sees all of them at once."""

    def __init__(self) -> None:
        self.found: dict[tuple[Where, str], None] = {}
        self.files: list[str] = []  # weakest first

    def add(self, where: Where, path: Path, message: str) -> None:
        """Note a problem; one that is noted already is not repeated."""
        subject = where.override or dotted(path)
        text = f"{subject}: {message}" if subject else message
        # A config can hold any character, also those that steer a terminal.
        self.found[where, "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)] = None

    def raise_any(self) -> None:
        """Raise what was found, from the weakest layer to the strongest and as it is written there, places aligned.

        Raises:
            ConfigError: one line for each problem, and a last line with their number.
        """
        if self.found:
            ordered = sorted(self.found, key=lambda problem: self._order(problem[0]))
            width = max(len(where.source) for where, _ in ordered)
            count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
            lines = [f"{where.source:<{width}}   {text}" for where, text in ordered]
            raise ConfigError("\n".join([*lines, f"{count}; nothing was run."]))

    def _order(self, where: Where) -> tuple[int, int]:
        """The layer and the line; what is of no file comes first, and the command line last, in its own order."""
        file, _, line = where.source.rpartition(":")
        if where.source == COMMAND_LINE:
            return len(self.files), 0
        return (self.files.index(file), int(line)) if file in self.files else (-1, 0)
