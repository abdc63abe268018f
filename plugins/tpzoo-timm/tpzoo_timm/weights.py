"""Published weights, from files that the user has. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import torch
from timm.models import get_pretrained_cfg

from tpzoo.errors import DataError, SettingError

FILES = ("model.safetensors", "pytorch_model.bin")


def find_weights(name: str, checkpoint_path: str) -> Path:
    """The file with weights of model ``name``.

    Raises:
        SettingError: no weights of that model were ever published.
        DataError: the file is not there.
    """
    if checkpoint_path:
        path = Path(checkpoint_path).expanduser()
        if not path.is_file():
            raise DataError(f"the weights {path} do not exist", "set architecture.checkpoint_path to a file")
        return path
    places = list(cached(name))
    if not places:
        raise SettingError(f"timm publishes no weights for '{name}'", "set checkpoint_path, or pretrained=false")
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        fetch = f"python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
        raise DataError(
            f"the weights of '{name}' are not in timm's cache (looked for {places[0]})",
            f"fetch them once with {fetch}, or set architecture.checkpoint_path to a file that you have",
        )
    return found


def cached(name: str) -> Iterator[Path]:
    """Where timm would have put the weights."""
    cfg = get_pretrained_cfg(name)
    if cfg is None:
        return
    if cfg.hf_hub_id:
        yield from _hub_files(cfg.hf_hub_id, cfg.hf_hub_filename)
    if cfg.url:
        yield Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(cfg.url).path).name


def _hub_files(repository: str, filename: str | None) -> Iterator[Path]:
    from huggingface_hub import constants, try_to_load_from_cache

    repository = repository.partition("@")[0]
    for file in (filename,) if filename else FILES:
        found = try_to_load_from_cache(repository, file)
        folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
        yield Path(found) if isinstance(found, str) else folder / file
