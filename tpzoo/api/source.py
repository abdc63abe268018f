"""A network of torch's own layers as source code: ``nn.Sequential`` of blocks, with the names of the weights kept."""

from __future__ import annotations

import re

from torch import nn

from tpzoo.cut.functions import TokenMean
from tpzoo.engine import activations
from tpzoo.engine.block import Block, ModuleBlock
from tpzoo.engine.chain import LayerBlock, MaxPool, Residual
from tpzoo.engine.network import Network

ACTIVATIONS = {
    activations.Linear: "nn.Identity()",
    activations.Tanh: "nn.Tanh()",
    activations.Sigmoid: "nn.Sigmoid()",
    activations.Elu: "nn.ELU()",
    activations.Relu: "nn.ReLU()",
    activations.LeakyRelu: f"nn.LeakyReLU({activations.LeakyRelu.slope})",
    activations.HardSigmoid: "nn.Hardsigmoid()",
    activations.Gelu: "nn.GELU()",
}

RESIDUAL = '''

class Residual(nn.Module):
    """after(main(x) + shortcut(x))."""

    def __init__(self, main, shortcut, after):
        super().__init__()
        self.main, self.shortcut, self.after = main, shortcut, after

    def forward(self, x):
        return self.after(self.main(x) + self.shortcut(x))
'''

TOKEN_MEAN = '''

class TokenMean(nn.Module):
    """(batch, tokens, channels) -> (batch, channels)."""

    def forward(self, x):
        return x.mean(dim=1)
'''


class NotPlainError(Exception):
    """The network holds something that is no layer of torch."""


def layers_source(network: Network) -> str:
    """The function ``build()`` that makes the network, and the classes that it needs.

    Raises:
        NotPlainError: a layer is neither torch's own nor one of tpzoo's that torch has too.
    """
    if [node.block for node in network.nodes] != list(network.blocks):
        raise NotPlainError("several nodes use one block")
    lines = [f'        ("{name}", {_block(block)}),' for name, block in network.blocks.items()]
    body = "\n".join(["    return nn.Sequential(OrderedDict([", *lines, "    ]))"])
    classes = "".join(text for name, text in (("Residual(", RESIDUAL), ("TokenMean(", TOKEN_MEAN)) if name in body)
    return f'{classes}\n\ndef build():\n    """The network, with the weights of its constructors."""\n{body}\n'


def _block(module: nn.Module) -> str:
    if isinstance(module, LayerBlock):
        return _row(list(module.layers.items()))
    if isinstance(module, ModuleBlock):
        return _row([("module", module.module)])
    if isinstance(module, Residual):
        return f"Residual({_block(module.main)}, {_block(module.shortcut)}, {_block(module.after)})"
    if isinstance(module, MaxPool):
        return f"nn.MaxPool2d({module.kernel}, {module.stride}, {module.padding})"
    if isinstance(module, Block):
        raise NotPlainError(type(module).__name__)
    return _layer(module)


def _row(layers: list[tuple[str, nn.Module]]) -> str:
    inside = ", ".join(f'("{name}", {_block(layer)})' for name, layer in layers)
    return f"nn.Sequential(OrderedDict([{inside}]))"


def _layer(layer: nn.Module) -> str:
    if type(layer) in ACTIVATIONS:
        return ACTIVATIONS[type(layer)]  # type: ignore[index]
    if isinstance(layer, TokenMean):
        return "TokenMean()"
    if type(layer) is nn.Sequential:
        return _row(list(layer.named_children()))
    if not type(layer).__module__.startswith("torch.nn.") or any(True for _ in layer.children()):
        raise NotPlainError(type(layer).__name__)
    source = f"nn.{layer!r}"
    if type(layer) is nn.PReLU:
        source = f"nn.PReLU({layer.num_parameters})"
    if not _is_call(source) or not _rebuilds(source, layer):
        raise NotPlainError(type(layer).__name__)
    return source


def _is_call(source: str) -> bool:
    return re.fullmatch(r"nn\.\w+\([\w\s=.,()\-+'\[\]]*\)", source) is not None


def _rebuilds(source: str, layer: nn.Module) -> bool:
    """Whether the source makes a layer that calls itself the same and has weights of the same shapes."""
    import torch

    try:
        with torch.random.fork_rng():
            made = eval(source, {"nn": nn, "True": True, "False": False, "None": None, "__builtins__": {}})
    except Exception:  # a constructor that does not take what repr says
        return False
    shapes = [{name: value.shape for name, value in each.state_dict().items()} for each in (layer, made)]
    return repr(made) == repr(layer) and shapes[0] == shapes[1]
