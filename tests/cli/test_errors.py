"""How the command line ends when something goes wrong: a message and a code, or a traceback for a bug."""

from __future__ import annotations

import errno
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner, Result

from tests.support.command import assert_message, inside
from tpzoo.cli import Verbs
from tpzoo.errors import DataError, RunError


def run(error: BaseException) -> Result:
    class OneVerb(Verbs):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.Command("fail", callback=fail)

    def fail() -> NoReturn:
        raise error

    return CliRunner().invoke(OneVerb("tpzoo"), ["fail"])


def test_a_users_mistake_ends_with_2() -> None:
    found = run(DataError("the file is damaged", "fetch it again"))
    assert found.exit_code == 2
    assert found.stderr == "Error: the file is damaged\n  fetch it again\n"


def test_a_failed_run_ends_with_1() -> None:
    assert run(RunError("the loss became NaN in block fc3")).exit_code == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_what_the_machine_refuses_is_said_plainly(code: int) -> None:
    found = run(OSError(code, "No space left on device", "runs/metrics.csv"))
    assert found.exit_code == 1
    assert "No space left on device (runs/metrics.csv)" in found.stderr


def test_a_name_that_no_file_can_have_is_the_users_mistake() -> None:
    for overrides in (["train"], ["evaluate"], ["check"], ["show", "config"], ["cite"]):
        assert_message(inside(*overrides, "a" * 5000), "a name is too long for a file")


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.EBADF, "a bug")])
def test_a_bug_shows_where_it_is(error: Exception) -> None:
    assert run(error).exception is error
