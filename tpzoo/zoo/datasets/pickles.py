"""Read a pickled dictionary of arrays without running anything that a pickle may name.

A pickle is a program. This reader lets it make numpy arrays, numbers, texts and containers, and refuses all else.
"""

from __future__ import annotations

import codecs
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tpzoo.errors import DataError


def read_pickle(path: Path) -> Mapping[str, Any]:
    """The dictionary in the file, which may have been written by Python 2 or 3.

    Raises:
        DataError: there is no such file, it is truncated, it holds no dictionary, or it names anything but arrays.
    """
    try:
        with open(path, "rb") as file:
            found = _ArraysOnly(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can make the reader raise nearly anything
        raise DataError(f"{path} is truncated or damaged: {error or type(error).__name__}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds an object of type {type(found).__name__}, not a dictionary of arrays")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): value for key, value in found.items()}


class _ArraysOnly(pickle.Unpickler):
    """Knows the few names that pickled arrays need."""

    def find_class(self, module: str, name: str) -> Any:
        # numpy 2 calls its core `_core`; files of either generation are read by either
        known = ALLOWED.get((module.replace("numpy._core", "numpy.core"), name))
        if known is None:
            raise DataError(
                f"the pickle names {module}.{name}, which no array needs: it could run code, and nothing of it was run",
                "fetch the file again from where it is published",
            )
        return known


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How protocol 2 writes bytes; only the one encoding that it uses."""
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"the pickle asks for the encoding {encoding!r}")
    return codecs.encode(text, "latin1")


def _numpy_function(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(getattr(np._core, module), name)  # type: ignore[attr-defined]
    return found


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _numpy_function("multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"): _numpy_function("multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"): _numpy_function("numeric", "_frombuffer"),
    ("_codecs", "encode"): _encode,
}
