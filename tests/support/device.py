"""Where oracles and the conformance kit run: on the CPU, or on a GPU with TPZOO_TEST_DEVICE=cuda."""

from __future__ import annotations

import os

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def device() -> str:
    return os.environ.get("TPZOO_TEST_DEVICE", "cpu")
