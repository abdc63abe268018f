"""What is said of a module that cannot be cut."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import torch

from tpzoo.errors import SettingError

_OURS = (*(f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__)), "<eval_with_key>")


class CutError(SettingError):
    """The module cannot be cut where it was asked for; the message says which operation stands there."""


def line_that_runs() -> str:
    """The innermost line of code that runs now and is neither torch's nor tpzoo's, as ``file.py:12``."""
    for each, number in traceback.walk_stack(None):
        if not each.f_code.co_filename.startswith(_OURS):
            return f"{Path(each.f_code.co_filename).name}:{number}"
    return ""


def line_of_error(error: BaseException) -> str:
    """The same for where an error came from."""
    theirs = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith(_OURS)]
    return f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}" if theirs else ""


def reason(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
