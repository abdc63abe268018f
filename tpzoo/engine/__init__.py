"""The engine: blocks and networks, passes, feedback, learners, rules, random streams and the training step."""

from tpzoo.engine.activations import Activation, activation
from tpzoo.engine.block import Activity, Block, ModuleBlock, SplitBlock, run_layer
from tpzoo.engine.chain import Chain, LayerBlock, MaxPool, Residual, SplitChain, layer_shapes
from tpzoo.engine.context import Context
from tpzoo.engine.data import Data, DataSpec, Split, data_folder, hold_out, rows_digest, shuffled_rows, stratified_last
from tpzoo.engine.data_check import are_soft, check_data
from tpzoo.engine.draw import Draw, FilledDraw, Share, Streams
from tpzoo.engine.feedback import Connect, Edge, Ends, Feedback, Shared, SharedModules, connector
from tpzoo.engine.images import Augment, Normalise
from tpzoo.engine.initialise import initialise
from tpzoo.engine.jacobians import (
    damped_solve,
    dense_parameters,
    gauss_newton_displacement,
    output_change,
    output_jacobians,
    require_row_independent,
)
from tpzoo.engine.learner import Learner, LossLearner, Noise, SolvingLearner
from tpzoo.engine.logger import Logger, LogRecord, RunInfo, SilentLogger
from tpzoo.engine.maps import (
    At,
    FeedbackMap,
    LinearTail,
    MatrixMap,
    StackedMap,
    differences,
    source_activation,
)
from tpzoo.engine.network import Network, Node, Trace, drawn_at
from tpzoo.engine.objective import Batch, ClassLoss, GradientStep, Loss, MinimisableLoss, Output, classes_of, one_hot
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.passes import BACKENDS, Pass
from tpzoo.engine.probe import FeedbackSnapshot, Probe, Snapshot, angle
from tpzoo.engine.randomness import find_draws
from tpzoo.engine.rule import DisplacementRule, Rule
from tpzoo.engine.seeds import SeedBatch
from tpzoo.engine.step import Engine, Iterations, StepRecord
from tpzoo.engine.twin import (
    KeepsZero,
    LinearTwin,
    Reshapes,
    Scatters,
    Side,
    TwinEnds,
    TwinLayer,
    WeightedLinearTwin,
    inner,
)
from tpzoo.engine.update import ScaledGradient, SingleStep, Update, local_gradients

__all__ = [
    "BACKENDS",
    "Activation",
    "Activity",
    "At",
    "Augment",
    "Batch",
    "Block",
    "Chain",
    "ClassLoss",
    "Connect",
    "Context",
    "Data",
    "DataSpec",
    "DisplacementRule",
    "Draw",
    "Edge",
    "Ends",
    "Engine",
    "Feedback",
    "FeedbackMap",
    "FeedbackSnapshot",
    "FilledDraw",
    "GradientStep",
    "Iterations",
    "KeepsZero",
    "LayerBlock",
    "Learner",
    "LinearTail",
    "LinearTwin",
    "LogRecord",
    "Logger",
    "Loss",
    "LossLearner",
    "MatrixMap",
    "MaxPool",
    "MinimisableLoss",
    "ModuleBlock",
    "Network",
    "Node",
    "Noise",
    "Normalise",
    "Output",
    "Pass",
    "Probe",
    "Reshapes",
    "Residual",
    "Rule",
    "RunInfo",
    "ScaledGradient",
    "Scatters",
    "SeedBatch",
    "Share",
    "Shared",
    "SharedModules",
    "Side",
    "SilentLogger",
    "SingleStep",
    "Snapshot",
    "SolvingLearner",
    "Split",
    "SplitBlock",
    "SplitChain",
    "StackedMap",
    "StepRecord",
    "Streams",
    "Trace",
    "TwinEnds",
    "TwinLayer",
    "Update",
    "WeightStepper",
    "WeightedLinearTwin",
    "activation",
    "angle",
    "are_soft",
    "check_data",
    "classes_of",
    "connector",
    "damped_solve",
    "data_folder",
    "dense_parameters",
    "differences",
    "drawn_at",
    "find_draws",
    "gauss_newton_displacement",
    "hold_out",
    "initialise",
    "inner",
    "layer_shapes",
    "local_gradients",
    "one_hot",
    "output_change",
    "output_jacobians",
    "require_row_independent",
    "rows_digest",
    "run_layer",
    "shuffled_rows",
    "source_activation",
    "stratified_last",
]
