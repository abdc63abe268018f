"""JSON files that say themselves whether they are as they were written.

The last key, ``digest``, is the SHA-256 of all others, as JSON with sorted keys. A file without it is taken as it is:
somebody wrote or edited it on purpose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tpzoo.files import write_atomic

KEY = "digest"


class DamagedError(ValueError):
    """A file is no JSON object, or not the one that was written."""


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` with its digest, whole or not at all."""
    write_atomic(path, json.dumps({**content, KEY: _digest(content)}, indent=2) + "\n")


def read_sealed(path: Path) -> dict[str, Any]:
    """What :func:`write_sealed` wrote, without the digest.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it cannot be read, is no JSON object, or is not what was written.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise DamagedError(f"{path} is damaged: it holds no JSON object")
    if content.pop(KEY, None) not in (None, _digest(content)):
        raise DamagedError(f"{path} is damaged: it is not what was written")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
