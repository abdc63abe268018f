"""Every error that a user can cause: what was wrong, where, and how to put it right (the hint).

The command line prints these without a traceback. Anything else that is raised is a bug and shows one.
"""

from __future__ import annotations


class TpzooError(Exception):
    """What went wrong, and if known what to do about it.

    Args:
        what: one sentence that names the offending thing.
        hint: one sentence that says what would work; may be empty.
    """

    exit_code = 2

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class SettingError(TpzooError):
    """A setting has a value that cannot be used."""


class ConfigError(TpzooError):
    """A config holds one or more problems; all of them are listed."""


class PluginError(TpzooError):
    """A plugin cannot be loaded or yields something that is not a valid record."""


class UnknownComponentError(TpzooError):
    """No component, or more than one, answers to a name."""


class CompatibilityError(TpzooError):
    """The chosen components cannot work together."""


class DataError(TpzooError):
    """A data file is missing, truncated or not what it claims to be."""


class CheckpointError(TpzooError):
    """A checkpoint is missing, corrupt, or belongs to another run."""


class DeviceError(TpzooError):
    """The device that was asked for is not there."""


class RunError(TpzooError):
    """A run failed while it was training: the loss became NaN, a disk is full."""

    exit_code = 1
