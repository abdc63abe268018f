"""Things that go wrong with files: a kill or a full disk at any chosen moment of writing."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest
import torch


class Moments:
    """Counts the moments at which a run touches its folder, and does something at one of them.

    A moment is: before and after a rename, before a sync, in the middle of a write, before a folder is made or removed.

    Args:
        at: which one, counted from 1; 0 only counts.
        act: what happens there.
        again: whether it happens at every later moment too.
    """

    def __init__(self, at: int = 0, act: Callable[[], None] = lambda: None, again: bool = False) -> None:
        self.count = 0
        self._at, self._act, self._again = at, act, again

    def pass_by(self) -> None:
        """One more moment."""
        self.count += 1
        if self.count == self._at or (self._again and self.count > self._at > 0):
            self._act()

    @contextmanager
    def watch(self, reading: bool = True) -> Iterator[Moments]:
        """Watch this process; ``reading=False`` leaves out what needs no space: renaming and removing."""
        replace, rmtree, mkdir, fsync, fdopen, write = (
            os.replace, shutil.rmtree, os.mkdir, os.fsync, os.fdopen, os.write,
        )  # fmt: skip

        def before(call: Callable[..., Any], after: bool = False) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                self.pass_by()
                found = call(*arguments, **options)
                if after:
                    self.pass_by()
                return found

            return wrapped

        def halved(handle: int, content: bytes) -> int:
            done = write(handle, content[: len(content) // 2])
            self.pass_by()
            return done + write(handle, content[len(content) // 2 :])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", before(fsync))
            patch.setattr(os, "mkdir", before(mkdir))
            patch.setattr(os, "write", halved)
            patch.setattr(os, "fdopen", lambda *rest, **options: _Halved(fdopen(*rest, **options), self))
            if reading:
                patch.setattr(os, "replace", before(replace, after=True))
                patch.setattr(shutil, "rmtree", before(rmtree))
            yield self


class _Halved:
    """A file whose writes have a middle."""

    def __init__(self, file: IO[Any], moments: Moments) -> None:
        self._file, self._moments = file, moments

    def write(self, content: Any) -> None:
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        self._moments.pass_by()
        self._file.write(content[len(content) // 2 :])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Halved:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def kill() -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full() -> None:
    """What the system says when there is no room."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fork(call: Callable[[], object]) -> int:
    """Start ``call`` in a copy of this process, which has torch loaded already; returns its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        torch.set_num_threads(1)  # a copy has none of its parent's threads
        call()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def outcome(child: int) -> int:
    """Wait for a copy to end: its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
