"""Every weight has memory of its own, or a checkpoint could not hold it and one step would move two weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tpzoo.errors import SettingError

HINT = "give each a copy (tensor.clone()); one block that several nodes use may share all it has"


def require_own_memory(modules: Mapping[str, nn.Module]) -> None:
    """See that no two parameters or buffers lie in the same memory: views, or two parameters of one storage.

    One tensor that a module holds under two names is one weight, and is allowed.

    Args:
        modules: by what to call their members in errors.

    Raises:
        SettingError: both are named.
    """
    owners: dict[int, tuple[Tensor, str]] = {}
    for what, module in modules.items():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            called = f"{what} '{name}'"
            if any(stride == 0 and size > 1 for stride, size in zip(value.stride(), value.shape, strict=True)):
                raise SettingError(f"{called} holds the same memory several times, as expand() makes it", HINT)
            place = _place(value)
            if place is None:
                continue
            other, owner = owners.setdefault(place, (value, called))
            if other is not value:
                raise SettingError(f"{called} lies in the memory of {owner}", HINT)


def _place(value: Tensor) -> int | None:
    """Where the storage begins; None for a tensor without memory, empty or fake."""
    try:
        return value.untyped_storage().data_ptr() or None
    except RuntimeError:
        return None
