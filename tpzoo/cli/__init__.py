"""The command line: one file a verb. Nothing here, and nothing at the top of a verb's file, loads torch."""

from __future__ import annotations

import errno
import importlib
from typing import Any

import click

from tpzoo._version import __version__
from tpzoo.errors import TpzooError

VERBS = (
    "train", "evaluate", "predict", "export", "report",
    "list", "show", "plugins", "check", "matrix", "new-plugin", "trust", "cite",
)  # fmt: skip

# What the user's machine refuses, not a bug of ours: no space, no quota, a limit on files, no permission, a read-only
# file system, a failing disk.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}


class Verbs(click.Group):
    """Finds a verb in the module of its name, and turns a user's errors into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS]  # `list` is the module of a verb here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"tpzoo.cli.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        from tpzoo.cli.trust import terminal
        from tpzoo.plugin.trust import asking

        try:
            with asking(terminal()):
                return super().invoke(ctx)
        except TpzooError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # of a file that the user named
                raise click.UsageError("a name is too long for a file") from error
            if error.errno not in MACHINE:
                raise
            place = f" ({error.filename})" if error.filename else ""
            click.echo(f"Error: {error.strerror}{place}\n  what was written before is intact", err=True)
            ctx.exit(1)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tpzoo")
def main() -> None:
    """Train networks by target propagation: a zoo of methods, each a point in a product of choices."""
