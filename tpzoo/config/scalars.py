"""Scalars as YAML 1.2 reads them: ``on`` and ``12:30`` are texts, ``08`` is 8, ``1e-3`` is a number.

PyYAML follows YAML 1.1, where ``on`` is true, ``12:30`` is 750 and ``1e-3`` is a text; none of these is what somebody
who writes an experiment means.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

INTEGER = re.compile(r"[-+]?[0-9]+")
OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TEXTS: dict[str, Scalar] = {"": None, "~": None}
_TEXTS.update({form: None for form in ("null", "Null", "NULL")})
_TEXTS.update({form: True for form in ("true", "True", "TRUE")})
_TEXTS.update({form: False for form in ("false", "False", "FALSE")})

# Python refuses to read longer integers; no setting needs them either.
_LONGEST = 400


class Unquoted(str):
    """A scalar as a file or the command line has it, without quotes. Its type is not known before its setting is.

    Names of components and texts are what was written (``08``, ``no``); for all else :func:`parse_scalar` reads it.
    """


def value_of(scalar: Scalar) -> Scalar:
    """The value of a scalar: a quoted text, and all that comes from Python, is its own."""
    return parse_scalar(str(scalar)) if isinstance(scalar, Unquoted) else scalar


def parse_scalar(text: str) -> Scalar:
    """Return the value of a plain (unquoted) scalar of YAML 1.2's core schema."""
    if text in _TEXTS:
        return _TEXTS[text]
    if len(text) > _LONGEST:
        return text
    if INTEGER.fullmatch(text):
        return int(text)
    if OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text):
        return float(text)
    if SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text
