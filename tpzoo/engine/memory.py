"""Every weight has memory of its own, or a checkpoint could not hold it and one step would move two weights."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tpzoo.errors import SettingError

HINT = "give each a copy (tensor.clone()); one block that several nodes use may share all it has"


def require_own_memory(modules: Mapping[str, nn.Module]) -> None:
    """See that no two parameters or buffers lie in the same memory: views, or two parameters of one storage.

    One tensor that a module holds under two names is one weight, and is allowed; between a block and a map it is not.

    Args:
        modules: by what to call their members in errors.

    Raises:
        SettingError: both are named.
    """
    lying: dict[int, list[tuple[range, Tensor, str, str]]] = {}
    for what, module in modules.items():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            called = f"{what} '{name}'"
            if any(stride == 0 and size > 1 for stride, size in zip(value.stride(), value.shape, strict=True)):
                raise SettingError(f"{called} holds the same memory several times, as expand() makes it", HINT)
            place = _place(value)
            if place is None:
                continue
            within = _within(value)
            for others, other, owner, group in lying.get(place, []):
                tied = other is value and group == what
                if not tied and within.start < others.stop and others.start < within.stop:
                    raise SettingError(f"{called} lies in the memory of {owner}", HINT)
            lying.setdefault(place, []).append((within, value, called, what))


def _within(value: Tensor) -> range:
    """Which elements of its storage a tensor spans. Parts that do not meet may share one, as in an LSTM on a GPU."""
    start = value.storage_offset()
    last = sum(stride * (size - 1) for stride, size in zip(value.stride(), value.shape, strict=True))
    return range(start, start + last + 1)


def _place(value: Tensor) -> int | None:
    """Where the storage begins; None for a tensor without memory, empty or fake."""
    try:
        return (value.untyped_storage().data_ptr() or None) if value.numel() else None
    except RuntimeError:
        return None
