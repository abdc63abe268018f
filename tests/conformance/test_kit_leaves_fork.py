"""A process that ran the kit can still be forked: tests that use other processes go on after it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os
import torch
from tpzoo.testing.watching import fake_mode

def train():
    weight = torch.zeros(2, requires_grad=True)
    (2 * weight).sum().backward()

with fake_mode():
    train()
train()
child = os.fork()
if not child:
    train()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_autograd_works_in_a_fork_of_a_process_that_checked() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
