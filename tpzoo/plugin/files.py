"""Load a plugin that is a single file."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from tpzoo.errors import PluginError


def load_file(path: Path) -> ModuleType:
    """Execute the file as a module and return it; a file that did not change is executed once.

    Raises:
        PluginError: there is no such file, or it is not Python. Whatever the file itself raises passes through.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"plugin '{path}' cannot be read: {error.strerror}", "check the path") from error
    # The content is part of the name, so that an edited file is new and an unchanged one keeps its classes.
    digest = hashlib.sha256(str(path).encode() + b"\0" + content).hexdigest()[:12]
    name = f"tpzoo_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}_{digest}"
    return sys.modules[name] if name in sys.modules else _execute(name, path)


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin '{path}' is not a Python file", "its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while the class is made, so it has to be there before it is executed.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
