"""Functions that are layers: what code writes as ``F.relu(x)`` becomes the module that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tpzoo.engine.chain import MaxPool


class TokenMean(nn.Module):
    """(batch, tokens, channels) -> (batch, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=1)


# function or method -> the module's class; its further arguments have the same names and order
_MODULES: Mapping[Any, type[nn.Module]] = {
    F.relu: nn.ReLU,
    F.relu6: nn.ReLU6,
    F.tanh: nn.Tanh,
    F.sigmoid: nn.Sigmoid,
    F.elu: nn.ELU,
    F.gelu: nn.GELU,
    F.silu: nn.SiLU,
    F.leaky_relu: nn.LeakyReLU,
    F.hardtanh: nn.Hardtanh,
    F.hardswish: nn.Hardswish,
    F.hardsigmoid: nn.Hardsigmoid,
    F.softplus: nn.Softplus,
    F.mish: nn.Mish,
    F.selu: nn.SELU,
    F.avg_pool2d: nn.AvgPool2d,
    F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    F.max_pool2d: nn.MaxPool2d,
    torch.relu: nn.ReLU,
    torch.tanh: nn.Tanh,
    torch.sigmoid: nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def as_layer(node: fx.Node) -> nn.Module | None:
    """The module that does what a call of a function or method does to its first argument; None if none is known."""
    if node.op not in ("call_function", "call_method"):  # a module may be called "relu" too
        return None
    rest, options = tuple(node.args[1:]), dict(node.kwargs)
    if any(isinstance(each, fx.Node) for each in (*rest, *options.values())):
        return _flattened(node)
    if node.target in ("mean", torch.mean) and (rest, options) in (((1,), {}), ((), {"dim": 1})):
        return TokenMean()
    if node.target in ("flatten", torch.flatten) and (rest, options) in (((1,), {}), ((), {"start_dim": 1})):
        return nn.Flatten()
    made = _MODULES.get(node.target)
    if made is None or (made is nn.MaxPool2d and len(rest) > 4):  # its last two arguments come in another order
        return None
    layer = made(*rest, **options)
    if getattr(layer, "inplace", False):
        layer.inplace = False  # type: ignore[assignment]  # what it is given is another layer's output
    return recording(layer)


def _flattened(node: fx.Node) -> nn.Module | None:
    """``x.view(x.size(0), -1)`` and its kin as a flatten."""
    if node.op != "call_method" or node.target not in ("view", "reshape") or node.kwargs or len(node.args) != 3:
        return None
    x, rows, rest = node.args
    return nn.Flatten() if rest == -1 and isinstance(rows, fx.Node) and _is_batch_size(rows, x) else None


def _is_batch_size(node: fx.Node, x: Any) -> bool:
    """Whether a node is ``x.size(0)`` or ``x.shape[0]``."""
    if node.op == "call_method" and node.target == "size":
        return node.args == (x, 0)
    if getattr(node.target, "__name__", "") != "getitem" or node.args[1:] != (0,):
        return False
    shape: Any = node.args[0]
    if getattr(shape.target, "__name__", "") == "getattr":
        return shape.args == (x, "shape")
    return shape.op == "call_method" and shape.target == "size" and shape.args == (x,)


def recording(layer: nn.Module) -> nn.Module:
    """A max-pool that records which cell won, which its twin needs; any other layer as it is."""
    if type(layer) is not nn.MaxPool2d or layer.ceil_mode or layer.dilation not in (1, (1, 1)) or layer.return_indices:
        return layer
    sizes = [each if isinstance(each, int) else each[0] for each in _geometry(layer)]
    square = all(each in (size, (size, size)) for each, size in zip(_geometry(layer), sizes, strict=True))
    return MaxPool(*sizes) if square else layer


def _geometry(layer: nn.MaxPool2d) -> tuple[Any, ...]:
    return layer.kernel_size, layer.stride, layer.padding
