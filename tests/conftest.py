"""Every test run ends with the counts of the conformance kit."""

from tpzoo.testing import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
