"""Which device a run uses, and in which precision."""

from __future__ import annotations

import torch

from tpzoo.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type != "cuda":
        return device
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= found:
        what = f"device '{name}' was asked for and this machine has {found or 'no'} CUDA device{'s' * (found != 1)}"
        raise DeviceError(what, "use device=auto or device=cpu")
    return device


def choose_precision(name: str) -> torch.dtype:
    """The number format of weights and activations; ``tf32`` is float32 with TF32 inside matrix products on a GPU."""
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    return torch.float64 if name == "float64" else torch.float32
