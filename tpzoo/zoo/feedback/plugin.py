"""The built-in feedback paths and map forms, and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import (
    ACTIVATION_NAMES,
    INITIALISATION_NAMES,
    Component,
    FeedbackPath,
    MapForm,
    PerName,
    component,
    hookimpl,
    per_edge,
    setting,
)
from tpzoo.zoo.papers import ERNOULT_2022, LEE_2015, MEULEMANS_2020

MAX_WEIGHTS = 50_000_000  # 200 MB in float32, 800 MB with its gradient and the two averages of Adam
MAX_WEIGHTS_HELP = "refuse a matrix of more weights than this, before it is made"


@dataclass(frozen=True)
class LayerwiseSettings:
    """Settings of ``layerwise``."""

    map: Component = component("map", "dense", help="g of every edge: d_target = g(h_source + d_source) - g(h_source)")


@dataclass(frozen=True)
class DirectSettings:
    """Settings of ``direct``."""

    map: Component = component("map", "linear", help="g of every edge: d_target = g(h_L + d_L) - g(h_L)")


@dataclass(frozen=True)
class DenseSettings:
    """Settings of map ``dense``."""

    activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="s in g(u) = s(Q u + b)")
    bias: PerName[bool] = per_edge(True, help="whether there is a b in g(u) = s(Q u + b), by pattern but not as a list")
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")
    max_weights: int = setting(MAX_WEIGHTS, minimum=1, help=MAX_WEIGHTS_HELP)


@dataclass(frozen=True)
class LinearSettings:
    """Settings of map ``linear``."""

    bias: PerName[bool] = per_edge(
        False, help="whether g(u) = Q u + b has a b, by pattern but not as a list; it cancels in every difference"
    )
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")
    max_weights: int = setting(MAX_WEIGHTS, minimum=1, help=MAX_WEIGHTS_HELP)


@dataclass(frozen=True)
class LowRankSettings:
    """Settings of map ``low_rank``."""

    rank: int = setting(64, minimum=1, help="columns of A and rows of B in g(u) = A B u; no more than either end has")
    bias: PerName[bool] = per_edge(False, help="whether g(u) = A B u + b has a b, by pattern but not as a list")
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")
    max_weights: int = setting(MAX_WEIGHTS, minimum=1, help=MAX_WEIGHTS_HELP)


@dataclass(frozen=True)
class MirrorSettings:
    """Settings of map ``mirror``."""

    unpool: str = setting(
        "overwrite",
        choices=("overwrite", "adjoint"),
        help="cells that overlapping pool windows share get the last value, as published, or the sum: the true adjoint",
    )
    init: str = setting(
        "torch", choices=("torch", "symmetric"), help="torch's initialisation, or a copy of the forward weights"
    )


RECURRENT_HELP = (
    "show the map the clean activation h at its target beside what is sent to it: [r(u); h], or [u; h] in mlp"
)
BYPASS_HELP = "the map from the output to the last hidden block is t(Q u + d) (as published), never recurrent"


@dataclass(frozen=True)
class RandomHiddenSettings:
    """Settings of map ``random_hidden``."""

    width: int = setting(1024, minimum=1, help="number of random features: rows of V in r(u) = phi(V u + c)")
    hidden_activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="phi in r(u) = phi(V u + c)")
    activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="t in g(u) = t(Q r(u) + d)")
    recurrent: bool = setting(False, help=RECURRENT_HELP)
    bypass_last: bool = setting(True, help=BYPASS_HELP)
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation of Q; 'torch' is its own")
    max_weights: int = setting(MAX_WEIGHTS, minimum=1, help=MAX_WEIGHTS_HELP)


@dataclass(frozen=True)
class MlpMapSettings:
    """Settings of map ``mlp``."""

    hidden: tuple[int, ...] = setting(
        (100,), minimum=1, help="width of every hidden layer of g(u) = t(Q_n phi(... phi(Q_1 u + d_1) ...) + d_n)"
    )
    hidden_activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="phi, of its hidden layers")
    activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="t, of its last layer")
    recurrent: bool = setting(False, help=RECURRENT_HELP)
    bypass_last: bool = setting(True, help=BYPASS_HELP)
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")
    max_weights: int = setting(MAX_WEIGHTS, minimum=1, help=MAX_WEIGHTS_HELP)


@hookimpl
def tpzoo_feedback_paths() -> Iterator[FeedbackPath]:
    """Yield the built-in feedback paths."""
    yield FeedbackPath(
        name="layerwise",
        summary="from every block to the one below it",
        config=LayerwiseSettings,
        build="tpzoo.zoo.feedback.layerwise:build",
        paper=LEE_2015,
        provides=("feedback", "maps", "one_block_edges"),
    )
    yield FeedbackPath(
        name="direct",
        summary="from the output straight to every hidden block",
        config=DirectSettings,
        build="tpzoo.zoo.feedback.direct:build",
        paper=MEULEMANS_2020,
        provides=("feedback", "maps"),
    )
    yield FeedbackPath(
        name="tied",
        summary="the exact vector-Jacobian product of every block: backpropagation as target propagation",
        build="tpzoo.zoo.feedback.tied:build",
        provides=("feedback", "no_maps"),
    )
    yield FeedbackPath(
        name="none",
        summary="no feedback, for rules that need none",
        build="tpzoo.zoo.feedback.none:build",
        provides=("no_maps",),
    )


@hookimpl
def tpzoo_feedback_maps() -> Iterator[MapForm]:
    """Yield the built-in map forms."""
    yield MapForm(
        name="dense",
        summary="a matrix, a bias and a nonlinearity",
        config=DenseSettings,
        build="tpzoo.zoo.feedback.dense:DenseMap",
        paper=LEE_2015,
    )
    yield MapForm(
        name="linear",
        summary="a matrix",
        config=LinearSettings,
        build="tpzoo.zoo.feedback.linear:LinearMap",
        paper=MEULEMANS_2020,
        provides=("linear_tail", "linear_map"),
    )
    yield MapForm(
        name="low_rank",
        summary="a product of two thin matrices",
        config=LowRankSettings,
        build="tpzoo.zoo.feedback.low_rank:LowRankMap",
        provides=("linear_tail",),
        smallest={"rank": 3},
    )
    yield MapForm(
        name="mirror",
        summary="the twin of every layer of the block, in reverse order",
        config=MirrorSettings,
        build="tpzoo.zoo.feedback.mirror:build",
        paper=ERNOULT_2022,
        requires=("one_block_edges",),
    )
    yield MapForm(
        name="random_hidden",
        summary="a fixed layer of random features that all edges share, and a trained layer on each",
        config=RandomHiddenSettings,
        build="tpzoo.zoo.feedback.random_hidden:build",
        paper=MEULEMANS_2020,
        smallest={"width": 8},
    )
    yield MapForm(
        name="mlp",
        summary="a multilayer perceptron",
        config=MlpMapSettings,
        build="tpzoo.zoo.feedback.mlp:build",
        paper=MEULEMANS_2020,
        smallest={"hidden": (5,)},
    )
