"""The conformance kit runs on the device that is asked for."""

from tests.support.device import device

__all__ = ["device"]
