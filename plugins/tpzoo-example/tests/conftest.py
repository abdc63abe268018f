"""The kit says at the end how much was checked."""

from tpzoo.testing import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
