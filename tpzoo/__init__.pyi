"""What tpzoo offers, each name once. ``tpzoo/__init__.py`` reads this list; type checkers do too."""

from tpzoo._version import __version__ as __version__
from tpzoo.api.host import (
    HostOptimizer as HostOptimizer,
    check_host as check_host,
)
from tpzoo.api.predictions import (
    Predictions as Predictions,
)
from tpzoo.api.run import (
    Run as Run,
    Runs as Runs,
    open_run as open_run,
    runs as runs,
)
from tpzoo.api.table import (
    Table as Table,
)
from tpzoo.api.train import (
    train as train,
)
from tpzoo.api.trainer import (
    Gradients as Gradients,
    StepResult as StepResult,
    Trainer as Trainer,
)
from tpzoo.assembly.engine import (
    Assembled as Assembled,
    assemble as assemble,
)
from tpzoo.config import (
    LoadedConfig as LoadedConfig,
    load as load,
)
from tpzoo.cut.architecture import (
    ModuleSettings as ModuleSettings,
    example_for as example_for,
    module_architecture as module_architecture,
)
from tpzoo.cut.errors import (
    CutError as CutError,
)
from tpzoo.cut.functions import (
    TokenMean as TokenMean,
    as_layer as as_layer,
)
from tpzoo.cut.graph import (
    GraphBlock as GraphBlock,
    boundary as boundary,
    node_values as node_values,
)
from tpzoo.cut.modes import (
    in_mode as in_mode,
)
from tpzoo.cut.places import (
    SplitAt as SplitAt,
)
from tpzoo.cut.split import (
    split as split,
)
from tpzoo.cut.trace import (
    traced_module as traced_module,
)
from tpzoo.digests import (
    file_digest as file_digest,
    stored_digest as stored_digest,
)
from tpzoo.engine import (
    Activation as Activation,
    Activity as Activity,
    At as At,
    Augment as Augment,
    Batch as Batch,
    Block as Block,
    Chain as Chain,
    ClassLoss as ClassLoss,
    Connect as Connect,
    Context as Context,
    Data as Data,
    DataSpec as DataSpec,
    DisplacementRule as DisplacementRule,
    Draw as Draw,
    Edge as Edge,
    Ends as Ends,
    Engine as Engine,
    Feedback as Feedback,
    FeedbackMap as FeedbackMap,
    FeedbackSnapshot as FeedbackSnapshot,
    GradientStep as GradientStep,
    KeepsZero as KeepsZero,
    LayerBlock as LayerBlock,
    Learner as Learner,
    LinearTail as LinearTail,
    LinearTwin as LinearTwin,
    Logger as Logger,
    LogRecord as LogRecord,
    Loss as Loss,
    LossLearner as LossLearner,
    MatrixMap as MatrixMap,
    MaxPool as MaxPool,
    MinimisableLoss as MinimisableLoss,
    ModuleBlock as ModuleBlock,
    Network as Network,
    Node as Node,
    Noise as Noise,
    Normalise as Normalise,
    Output as Output,
    Pass as Pass,
    Probe as Probe,
    Reshapes as Reshapes,
    Residual as Residual,
    Rule as Rule,
    RunInfo as RunInfo,
    ScaledGradient as ScaledGradient,
    Scatters as Scatters,
    Shared as Shared,
    Side as Side,
    SilentLogger as SilentLogger,
    SingleStep as SingleStep,
    Snapshot as Snapshot,
    SolvingLearner as SolvingLearner,
    Split as Split,
    SplitBlock as SplitBlock,
    SplitChain as SplitChain,
    StackedMap as StackedMap,
    StepRecord as StepRecord,
    Trace as Trace,
    TwinEnds as TwinEnds,
    TwinLayer as TwinLayer,
    Update as Update,
    WeightedLinearTwin as WeightedLinearTwin,
    WeightStepper as WeightStepper,
    activation as activation,
    angle as angle,
    are_soft as are_soft,
    check_data as check_data,
    classes_of as classes_of,
    damped_solve as damped_solve,
    data_folder as data_folder,
    dense_parameters as dense_parameters,
    differences as differences,
    drawn_at as drawn_at,
    gauss_newton_displacement as gauss_newton_displacement,
    hold_out as hold_out,
    initialise as initialise,
    inner as inner,
    layer_shapes as layer_shapes,
    local_gradients as local_gradients,
    one_hot as one_hot,
    output_change as output_change,
    output_jacobians as output_jacobians,
    require_row_independent as require_row_independent,
    rows_digest as rows_digest,
    run_layer as run_layer,
    shuffled_rows as shuffled_rows,
    source_activation as source_activation,
    stratified_last as stratified_last,
)
from tpzoo.errors import (
    CheckpointError as CheckpointError,
    CompatibilityError as CompatibilityError,
    ConfigError as ConfigError,
    DataError as DataError,
    DeviceError as DeviceError,
    PluginError as PluginError,
    RunError as RunError,
    SettingError as SettingError,
    TpzooError as TpzooError,
    UnknownComponentError as UnknownComponentError,
)
from tpzoo.files import (
    LoggedFile as LoggedFile,
    replacing as replacing,
)
from tpzoo.plugin.hookspecs import (
    hookimpl as hookimpl,
)
from tpzoo.plugin.names import (
    ACTIVATION_NAMES as ACTIVATION_NAMES,
    INITIALISATION_NAMES as INITIALISATION_NAMES,
)
from tpzoo.plugin.records import (
    Architecture as Architecture,
    DataSet as DataSet,
    DataSettings as DataSettings,
    FeedbackLearner as FeedbackLearner,
    FeedbackPath as FeedbackPath,
    LossFunction as LossFunction,
    MapForm as MapForm,
    MetricProbe as MetricProbe,
    Optimizer as Optimizer,
    OptimizerSettings as OptimizerSettings,
    OutputTarget as OutputTarget,
    Paper as Paper,
    ProbeSettings as ProbeSettings,
    Recipe as Recipe,
    Record as Record,
    RuleSettings as RuleSettings,
    RunLogger as RunLogger,
    Schedule as Schedule,
    ScheduleSettings as ScheduleSettings,
    TargetRule as TargetRule,
    Twin as Twin,
    WeightUpdate as WeightUpdate,
)
from tpzoo.plugin.settings import (
    Component as Component,
    PerName as PerName,
    component as component,
    components as components,
    per_block as per_block,
    per_edge as per_edge,
    setting as setting,
)
