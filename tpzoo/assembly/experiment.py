"""What a config can say: the experiment, as frozen dataclasses with a default for everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tpzoo.plugin.settings import Component, PerName, component, components, per_edge, setting

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Optimizers:
    """How the network and the feedback maps are stepped."""

    forward: Component = component("optimizer", "adam", help="steps the blocks")
    feedback: Component = component("optimizer", "adam", help="steps the feedback maps")


@dataclass(frozen=True)
class FeedbackTraining:
    """When and how often the feedback maps learn. The order changes results."""

    pretrain_epochs: int = setting(0, minimum=0, help="epochs of feedback training before the first forward step")
    extra_epochs: int = setting(0, minimum=0, help="epochs of feedback training after each epoch")
    iterations: PerName[int] = per_edge(1, minimum=0, help="feedback steps on every batch")
    order: str = setting(
        "targets_first",
        choices=("targets_first", "feedback_first", "alternate_epochs"),
        help="targets before the feedback step (Meulemans), after it (Ernoult), or in epochs of their own (Lee)",
    )


@dataclass(frozen=True)
class Checkpoint:
    """Which checkpoints are kept, beside the last one."""

    every_epochs: int = setting(0, minimum=0, help="keep every N-th epoch; 0: only the last and the best")
    keep_best: bool = setting(True, help="keep the best on the validation split")
    monitor: str = setting(
        "auto",
        choices=("auto", "valid_accuracy", "valid_loss"),
        help="what the best epoch is best in; auto: the accuracy, for a regression the loss",
    )
    every_seconds: float = setting(
        300.0, minimum=0, help="save the last one also within a long epoch, this often; 0: only after whole passes"
    )


@dataclass(frozen=True)
class StartFrom:
    """The checkpoint of another run whose weights a new run begins with; the hash has its digest, not its place."""

    run: str = setting("", help="the folder of that run; empty: weights are drawn")
    checkpoint: str = setting("best", help="best, last or epoch-0010; of a run that kept no best one, best is the last")
    parts: str = setting(
        "network", choices=("network", "all"), help="the network's weights alone, or those of the feedback as well"
    )
    digest: str = setting("", pattern=r"[0-9a-f]*", help="of the file with the weights; found when it is empty")


@dataclass(frozen=True)
class Experiment:
    """One experiment. Every component is a name, or a mapping with `name` and the component's settings."""

    name: str = setting("", pattern=r"([A-Za-z0-9_][A-Za-z0-9_.-]*)?", help="names the run folder; default: the file's")
    plugins: tuple[str, ...] = setting((), help="plugin files to load, relative to this file")
    seed: int = setting(0, minimum=0, maximum=LARGEST_SEED, help="seed of every generator")
    device: str = setting("auto", pattern=r"auto|cpu|cuda(:\d{1,3})?", help="auto, cpu, cuda or cuda:N")
    precision: str = setting(
        "float32", choices=("float32", "float64", "tf32"), help="number format; tf32: float32 with TF32 matrix products"
    )
    cuda_graphs: bool = setting(False, help="on a GPU, capture the training step as a CUDA graph (experimental)")
    epochs: int = setting(10, minimum=0, help="passes over the training data")
    batch_size: int = setting(128, minimum=1, help="examples in a training step")
    drop_last: bool = setting(False, help="leave out the last training batch of every epoch if it is shorter")
    evaluation_batch_size: int = setting(1000, minimum=1, help="examples evaluated at once")
    data: Component = component("dataset", "digits", help="what is learnt from")
    architecture: Component = component("architecture", "mlp", help="what maps the input to the output")
    loss: Component = component("loss", "auto", help="what is minimised; auto: from the data set's task")
    output: Component = component("output", "gradient", help="how the loss displaces the output")
    feedback: Component = component("feedback", "layerwise", help="which edges carry information down")
    learner: Component = component("learner", "reconstruction", help="how the feedback maps get their weights")
    rule: Component = component("rule", "dtp", help="how targets and updates are computed")
    optimizer: Optimizers = field(default_factory=Optimizers)
    feedback_training: FeedbackTraining = field(default_factory=FeedbackTraining)
    probes: Mapping[str, Component] = components("probe", help="what is measured during training")
    loggers: Mapping[str, Component] = components("logger", "console", "csv", help="where the metrics go")
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    start_from: StartFrom = field(default_factory=StartFrom)
