"""A plugin that is a single file: its bytes are read once, and what was read is what runs."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import re
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from tpzoo.errors import PluginError


@dataclass(frozen=True)
class PluginFile:
    """A plugin's file as it was read.

    Attributes:
        path: its full path, without links.
    """

    path: Path
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of its bytes, in hex digits. It does not cover what the file imports."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def module(self) -> str:
        """What the module is called that it becomes.

        The content is part of it, so that an edited file is new and an unchanged one keeps its classes.
        """
        digest = hashlib.sha256(str(self.path).encode() + b"\0" + self.content).hexdigest()[:12]
        return f"tpzoo_plugin_{re.sub(r'[^A-Za-z0-9_]', '_', self.path.stem)}_{digest}"

    def load(self) -> ModuleType:
        """Execute it as a module and return that; what did not change is executed once.

        Whatever the file itself raises passes through.
        """
        if self.module in sys.modules:
            return sys.modules[self.module]
        spec = importlib.util.spec_from_loader(self.module, _Loader(self), origin=str(self.path))
        if spec is None:
            raise PluginError(f"plugin '{self.path}' is not a Python file", "its name must end in .py")
        spec.has_location = True
        module = importlib.util.module_from_spec(spec)
        # Dataclasses look their module up while the class is made, so it has to be there before it is executed.
        sys.modules[self.module] = module
        try:
            _Loader(self).exec_module(module)
        except BaseException:
            del sys.modules[self.module]
            raise
        return module


def read_file(path: Path) -> PluginFile:
    """Read the file at ``path``; nothing of it runs.

    Raises:
        PluginError: there is no such file, or it is not called like a Python file.
    """
    path = path.expanduser().resolve()
    if path.suffix != ".py":
        raise PluginError(f"plugin '{path}' is not a Python file", "its name must end in .py")
    try:
        return PluginFile(path, path.read_bytes())
    except OSError as error:
        raise PluginError(f"plugin '{path}' cannot be read: {error.strerror}", "check the path") from error


class _Loader(importlib.abc.InspectLoader):
    """Makes a module of bytes that were read before: neither the file nor a compiled copy of it is read again."""

    def __init__(self, file: PluginFile) -> None:
        self._file = file

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._file.content)

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._file.content, str(self._file.path), "exec", dont_inherit=True)
        return code

    def create_module(self, spec: ModuleSpec) -> None:
        """None: the module is made as usual."""

    def is_package(self, fullname: str) -> bool:
        return False
