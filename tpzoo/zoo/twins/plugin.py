"""The built-in twins: which type of layer map ``mirror`` inverts, and how."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tpzoo import Twin, hookimpl
from tpzoo.zoo.papers import ERNOULT_2022

# type of layer -> (summary, builder); a subclass is found by its nearest ancestor
TWINS = {
    "torch.nn:Linear": ("a linear layer of the transposed shape", "linear:build"),
    "torch.nn:Conv2d": ("a transposed convolution", "conv:build"),
    "torch.nn:Flatten": ("the shape it had before", "flatten:build"),
    "torch.nn:AvgPool2d": ("cells repeat", "pooling:spread"),
    "torch.nn:AdaptiveAvgPool2d": ("cells repeat", "pooling:spread"),
    "torch.nn:Sequential": ("the layers' twins in reverse order", "chain:chain"),
    "tpzoo:LayerBlock": ("the layers' twins in reverse order", "chain:chain"),
    "tpzoo:Residual": ("both branches inverted and added", "chain:residual"),
    "tpzoo:ModuleBlock": ("the twin of the module in it", "chain:module"),
    "tpzoo:MaxPool": ("every value back to the cell that won", "pooling:unpool"),
    "tpzoo:Activation": ("the same activation", "activation:build"),
    "torch.nn:MaxPool2d": ("every value back to the cell that won in the clean pass", "pooling:held"),
    "torch.nn:MultiheadAttention": ("its attention is held fixed, its projections inverted", "attention:attention"),
    "torch.nn:TransformerEncoderLayer": ("both branches inverted and added", "attention:encoder_layer"),
    "tpzoo:GraphBlock": ("its code is walked backwards; gates are held fixed", "traced:block"),
    "torch.nn:Module": ("any other module: its code is walked backwards; gates are held fixed", "traced:module"),
    "tpzoo:TokenMean": ("every token gets the same value", "tokens:build"),
    **{
        f"torch.nn:{name}": ("the identity, its mean over masks", "dropout:build")
        for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
    },
    **{
        f"torch.nn:{name}": ("the same activation", "activation:build")
        for name in (
            *("Identity", "Tanh", "Sigmoid", "ReLU", "ELU", "GELU", "SiLU", "LeakyReLU"),
            *("ReLU6", "Hardtanh", "Hardswish", "Hardsigmoid", "Softplus", "Mish", "SELU", "CELU"),
        )
    },
    **{
        f"torch.nn:{name}": ("a fresh norm of its kind", "norm:build")
        for name in ("BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm")
    },
}


def examples(name: str) -> list[tuple[Any, tuple[int, ...]]]:
    """Layers of the type ``name`` and the shapes that they take; torch is loaded when it is called."""
    from tpzoo.zoo.twins.examples import EXAMPLES

    return EXAMPLES[name]()


@hookimpl
def tpzoo_twins() -> Iterator[Twin]:
    """Yield the built-in twins."""
    for module, (summary, builder) in TWINS.items():
        name = module.rpartition(":")[2]
        yield Twin(
            name=name,
            summary=summary,
            module=module,
            build=f"tpzoo.zoo.twins.{builder}",
            examples=partial(examples, name),
            paper=ERNOULT_2022,
        )
