"""A new run begins with the weights of a checkpoint of another one."""

from __future__ import annotations

import safetensors.torch
import torch

from tpzoo.assembly.experiment import StartFrom
from tpzoo.config.start import digest_of, file_of
from tpzoo.errors import CheckpointError, TpzooError
from tpzoo.runner.build import Built
from tpzoo.runner.checkpoint import weights_of

WHICH = {"network": ("network.",), "all": ("network.", "feedback.", "learner.", "rule.", "update.")}


def start_from(start: StartFrom, built: Built) -> None:
    """Put the weights of a checkpoint into what was built, if the config says so.

    Raises:
        CheckpointError: the file is gone or another one than the config says, or its weights are not those that the
            network, or with ``parts: all`` the feedback, has.
    """
    if not start.run:
        return
    try:
        found, file = digest_of(start), file_of(start)
    except TpzooError as error:
        raise CheckpointError(f"start_from: {error.what}", "put the run back, or start from another one") from error
    if found != start.digest:
        what = f"start_from: the weights in {file} are {found}, and the config says {start.digest}"
        raise CheckpointError(what, "put the file back, or leave start_from.digest out to take those that are there")
    saved, prefixes = safetensors.torch.load_file(file), WHICH[start.parts]
    chosen = {name: value for name, value in saved.items() if name.startswith(prefixes)}
    own = {name: value for name, value in weights_of(built.engine.modules).items() if name.startswith(prefixes)}
    odd = sorted(own.keys() ^ chosen.keys())
    odd += [name for name in own.keys() & chosen.keys() if own[name].shape != chosen[name].shape]
    if odd:
        what = f"start_from: {file} does not fit what is trained: {', '.join(odd[:5])}{', ...' if len(odd) > 5 else ''}"
        raise CheckpointError(
            what, "start from a run of the same architecture, and with parts: all of the same feedback"
        )
    with torch.no_grad():
        for name, value in chosen.items():
            own[name].copy_(value)
