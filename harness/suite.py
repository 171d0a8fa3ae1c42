"""A suite: what is asked. Datasets, models, metrics, training, policy and gates.

It is over 200 lines because one page says all that a suite may hold.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from harness import strict

Loss = Literal[
    "bce", "cross_entropy", "dice", "dice_bce", "dice_ce", "one_minus_precision", "one_minus_iou"
]
"""The first two are of images and of masks, the others of masks alone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Early stopping. Without `patience` nothing stops, `monitor` still chooses the best epoch.

    Rule "usual": an epoch counts as better only below best - min_delta, else the counter goes up.
    Rule "study": the counter goes up only above best + min_delta, and back to 0 below best.
    """

    monitor: str = "val_loss"
    patience: int | None = None
    min_delta: float = 0.0
    rule: Literal["usual", "study"] = "usual"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The learning rate is times `gamma` from each of `milestones` on, which are shares of epochs.

    With milestones [0.5, 0.75] and 100 epochs, epoch 51 is the first slower one.
    """

    milestones: tuple[float, ...]
    gamma: float = 0.1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Augment:
    """What is done to a training image, never to one that is measured.

    `intensity`: it is multiplied by a number drawn evenly between these two. Of images with masks,
    both are changed together: `scale` between two factors, `rotate` by up to so many degrees,
    `elastic` by a random smooth shift, `flip` along each axis of an image with even chances.
    """

    intensity: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    rotate: float = 0.0
    elastic: bool = False
    flip: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Which slices or crops of a volume are trained on, an epoch.

    Slices: "natural" takes each once, "balance" draws as many, those with a class `weight` times as
    often; by default the number of slices without a class for each with one.
    Crops: `crops` a volume; "natural" anywhere, "balance" half of them around a voxel of a class.
    """

    positive: Literal["natural", "balance"] = "natural"
    weight: float | None = None
    crops: int = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """How a model is trained. `select` says which epoch is measured."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    loss: Loss = "cross_entropy"
    batch_size: int = 64
    epochs: int = 100
    seeds: tuple[int, ...] = (0,)
    stop: Stop = Stop()
    select: Literal["last", "best"] = "best"
    schedule: Schedule | None = None
    augment: Augment | None = None
    sampler: Sampler = Sampler()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What a model is given: black and white of the data become `range`.

    Of volumes, `size` is what a network takes at once, two numbers for slices across the body and
    three for crops; windows of it, overlapping by the share `overlap`, cover what is larger.
    `intensity` "window": `window` (low, high), in HU say, becomes `range`, what is beyond is cut
    off; without a window, that of an 8-bit image. "zscore": each case has mean 0 and deviation 1.
    `spacing` in mm, or `resize` in pixels of a slice: the grid that the network works on; what it
    finds goes back to the original one before it is measured.
    """

    range: tuple[float, float] = (0.0, 1.0)
    size: tuple[int, ...] | None = None
    intensity: Literal["window", "zscore"] = "window"
    window: tuple[float, float] | None = None
    spacing: tuple[float, ...] | None = None
    resize: tuple[int, int] | None = None
    overlap: float = 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How data without a split of its own is divided: shares for test and val, `folds`, or `file`.

    Units are divided, the cases of one together: subjects, or images. `file` below the data root,
    JSON, gives the ids of each part: {"train": [...], "val": [...], "test": [...]}.
    """

    by: Literal["subject", "image"] = "subject"
    test: float | None = None
    val: float | None = None
    folds: int | None = None
    file: str | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A file of datasets/ with its arguments. `groups`: name -> band edges of a numeric column.

    `test_on`: other datasets of the suite that a model trained here is also measured on.
    `train_subjects`: so many, the same for every model, are trained on: a dose of the data.
    """

    load: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    input: Input = Input()
    split: Split | None = None
    test_on: tuple[str, ...] = ()
    train_subjects: int | None = None
    train: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A builder of models/ to train, or with `weights` to load; or a finished `onnx` file.

    `prior`: the shares of the classes that it was trained on, as they were sampled or weighed.
    """

    build: str | None = None
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    weights: str | None = None
    onnx: str | None = None
    link: Literal["sigmoid", "softmax", "identity"] | None = None
    input: Input | None = None
    prior: tuple[float, ...] = ()
    train: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """A file of metrics/ with its arguments."""

    name: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Backends times batch sizes times threads; at least `samples` calls and `seconds` of each."""

    backends: tuple[str, ...] = ("onnxruntime", "torch")
    batch_sizes: tuple[int, ...] = (1,)
    threads: tuple[int, ...] = (1,)
    seconds: float = 3.0
    samples: int = 130


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Confidence level, and what is resampled: subjects where they are known, or images."""

    level: float = 0.95
    over: Literal["subject", "image"] = "subject"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """What a case counts, class by class, where a mask is empty: as the worst there is, or not.

    `both`: nothing there and nothing found; `missed`: there and not found; `false_alarm`: found and
    not there. What is excluded is counted. A case that has no prediction counts as the worst.
    """

    both: Literal["exclude", "perfect"] = "exclude"
    missed: Literal["worst", "exclude"] = "worst"
    false_alarm: Literal["worst", "exclude"] = "worst"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is done where the data cannot say. `threshold` decides binary tasks.

    `calibrate` is fitted on val and written into the file that ships. With `prior` "natural" its
    probabilities are corrected from the shares of classes that it was trained on to those of val.
    """

    threshold: float = 0.5
    calibrate: Literal["none", "temperature", "platt", "isotonic"] = "none"
    prior: Literal["as-trained", "natural"] = "as-trained"
    groups_min_n: int = 10
    interval: Interval = Interval()
    inconclusive: Literal["pass", "fail"] = "pass"
    empty: Empty = Empty()

    @property
    def measured(self) -> dict[str, Any]:
        """What bears on how numbers are made, and so on whether two records may be compared.

        A calibration is part of what is measured, as a training is.
        """
        fields = dataclasses.asdict(self)
        usual = {"empty"} if self.empty == Empty() else set()
        apart = {"inconclusive", "calibrate", "prior", *usual}
        return {key: value for key, value in fields.items() if key not in apart}

    @property
    def recalibrates(self) -> bool:
        """Whether probabilities are changed after training."""
        return (self.calibrate, self.prior) != ("none", "as-trained")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A promise on one metric: no worse than `margin` below, or `ratio` times, the baseline."""

    metric: str
    where: Mapping[str, str] = dataclasses.field(default_factory=dict)
    margin: float | None = None
    ratio: float | None = None

    @property
    def name(self) -> str:
        """As a verdict calls it: `roc_auc[class=lesion]`."""
        inside = ",".join(f"{key}={value}" for key, value in sorted(self.where.items()))
        return f"{self.metric}[{inside}]" if inside else self.metric


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A parsed suite; `train` is the raw table that `training` merges."""

    name: str
    title: str
    task: Literal["classify", "segment"]
    datasets: Mapping[str, Dataset]
    models: Mapping[str, Model]
    metrics: tuple[MetricSpec, ...]
    train: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    latency: Latency = Latency()
    policy: Policy = Policy()
    gates: tuple[Gate, ...] = ()
    smoke: bool = False

    def input(self, dataset: str, model: str) -> Input:
        """The model's own, or else the dataset's."""
        return self.models[model].input or self.datasets[dataset].input

    def training(self, dataset: str, model: str) -> Train:
        """[models.X.train] over [datasets.X.train] over [train]: one shallow merge."""
        tables = (self.train, self.datasets[dataset].train, self.models[model].train)
        merged = {key: value for table in tables for key, value in table.items()}
        return strict.build(Train, merged, f"{self.name}: train of {model} on {dataset}")
