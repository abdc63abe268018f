"""How a value is sent back through code that is linear: what is moved goes back, what is taken is put where it was.

Each entry takes what a call made, ``u``, and sends it to the one argument that depends on the input. All are the
transposes of what they invert but for a mean, after which every cell gets the same value, as after an average pool.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Back = Callable[..., Tensor]
"""``back(u, x, args, kwargs)``: u like what the call made of ``x``, its first argument; the others as they were."""


def reshaped(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A view, a reshape, a flatten."""
    return u.reshape(x.shape)


def permuted(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A permutation of the axes."""
    order = kwargs.get("dims", args[0] if args and isinstance(args[0], tuple | list) else args)
    return u.permute(sorted(range(len(order)), key=lambda i: order[i] % len(order)))


def transposed(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Two axes in each other's place."""
    dims = list(args) + [kwargs[name] for name in ("dim0", "dim1") if name in kwargs]
    return u.transpose(dims[0], dims[1])


def expanded(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A value that stands for many: their sum."""
    return summed_to(u, x.shape)


def summed_to(u: Tensor, shape: Sequence[int]) -> Tensor:
    """Sum over what was broadcast from ``shape``."""
    extra = u.dim() - len(shape)
    u = u.sum(dim=tuple(range(extra))) if extra > 0 else u
    spread = tuple(i for i, size in enumerate(shape) if size == 1 and u.shape[i] != 1)
    return u.sum(dim=spread, keepdim=True) if spread else u


def spread(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A mean or a sum over axes: every cell gets the value."""
    dims = kwargs.get("dim", args[0] if args else None)
    keep = kwargs.get("keepdim", args[1] if len(args) > 1 else False)
    chosen = list(range(x.dim())) if dims is None else [dims] if isinstance(dims, int) else list(dims)
    if not keep:
        for dim in sorted(each % x.dim() for each in chosen):
            u = u.unsqueeze(dim)
    return u.expand(x.shape)


def placed(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Some of the cells: zeros in the others."""
    return put(u, x, args[0])


def put(u: Tensor, x: Tensor, index: Any) -> Tensor:
    """``u`` at ``index`` of zeros like ``x``."""
    found = torch.zeros(x.shape, dtype=u.dtype, device=u.device)
    found[index] = u
    return found


def cropped(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A padding: what lies inside."""
    pads = list(kwargs.get("pad", args[0] if args else ()))
    return F.pad(u, [-each for each in pads])


def rolled(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A roll, back."""
    shifts = kwargs.get("shifts", args[0] if args else 0)
    dims = kwargs.get("dims", args[1] if len(args) > 1 else None)
    back = [-each for each in shifts] if isinstance(shifts, tuple | list) else -shifts
    return u.roll(back, dims)


def unpooled(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """A max-pool: every value back to the cell that won in the clean pass."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_(True)
        out = F.max_pool2d(leaf, *args, **kwargs)
    return torch.autograd.grad(out, leaf, u, create_graph=torch.is_grad_enabled())[0]


def through(u: Tensor, x: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """What changes nothing, or drops at random, whose mean is the identity."""
    return u


BACK: Mapping[Any, Back] = {
    **dict.fromkeys(
        ("view", "reshape", torch.reshape, "flatten", torch.flatten, "unflatten", torch.unflatten), reshaped
    ),
    **dict.fromkeys(("squeeze", torch.squeeze, "unsqueeze", torch.unsqueeze), reshaped),
    **dict.fromkeys(("permute", torch.permute), permuted),
    **dict.fromkeys(("transpose", torch.transpose, "swapaxes"), transposed),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to", torch.broadcast_to), expanded),
    **dict.fromkeys(("mean", torch.mean, "sum", torch.sum), spread),
    **dict.fromkeys((F.pad, torch.nn.functional.pad), cropped),
    **dict.fromkeys((torch.roll, "roll"), rolled),
    **dict.fromkeys((F.dropout, F.dropout2d, F.alpha_dropout, torch.dropout), through),
    **dict.fromkeys(("contiguous", "clone", "to", "float", "double", "type_as", torch.clone), through),
    F.max_pool2d: unpooled,
    torch.max_pool2d: unpooled,
    operator.getitem: placed,
}
