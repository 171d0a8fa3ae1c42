"""What each kind of file on a shelf promises."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.cases import Cases
from harness.predictions import Predictions
from harness.samples import Samples
from harness.statistics.influence import Codes, Influence, jackknife
from harness.volumes import Volumes


class Model(Protocol):
    """`models/NAME.py`. Optionally `to_onnx(module, shape) -> ModelProto`, logits out.

    Optionally `TASKS`, by default ("classify",).
    """

    def build(self, shape: tuple[int, ...], outputs: int, **args: Any) -> Any:
        """A torch module: float32 (n, *shape) -> logits (n, outputs).

        Of task "segment" (n, outputs, *shape[1:]).
        """


class Dataset(Protocol):
    """`datasets/NAME.py`. Also `SOURCE`: url, licence, citation.

    Optionally `remotes(**args) -> tuple[Remote, ...]`, with the arguments of `load`: the published
    files that it reads, for `data fetch` to bring and `data verify` to check without a decoding.
    """

    SOURCE: Mapping[str, str]

    def fingerprint(self, root: Path | None, **args: Any) -> str:
        """What identifies the contents, without decoding an image."""

    def load(self, split: str, root: Path | None, **args: Any) -> Samples | Volumes:
        """The cases of `train`, `val` or `test`; of images with masks `Volumes`.

        Data that has no split of its own names them `all`; `SPLITS` says which there are.
        """


class Metric(Protocol):
    """`metrics/NAME.py`: a formula over weighted cases.

    Weights of one give the value; the multiplicities of a resample give its bootstrap replicate.
    Optionally `KINDS`, the kinds of data it is for, where these are not all; `BESIDE`, metrics of
    the same arguments without which it must not stand, measured wherever it is; and
    `influence(predictions, units, **args) -> Influence`, where a formula is better than the
    jackknife.
    """

    TASKS: tuple[str, ...]
    UNIT: str
    BETTER: str | float | None
    RANGE: tuple[float, float]  # the least and the greatest value, either may be infinite
    NEEDS: str  # when it is defined, as "needs ..." reads in a sentence
    PER_CLASS: bool  # whether one class against the rest is a row of its own

    def measure(
        self, predictions: Predictions, weights: NDArray[np.float64], **args: Any
    ) -> NDArray[np.float64]:
        """(resamples, n) weights -> (resamples,) values, NaN where undefined."""


class MaskMetric(Metric, Protocol):
    """A metric of task "segment": a number a case and class, made while its masks are there."""

    def columns(self, pair: Any, empty: Any, **args: Any) -> Mapping[str, Any]:
        """Column name -> number of one class of a case, NaN where `empty` excludes the case.

        pair: `metrics._pair.Pair`; empty: `suite.Empty`. Of lesions, an array, a number
        a lesion. Names are unique on the shelf: who gives the same column gives the same numbers.
        """


KINDS_OF = {"classify": ("nominal", "ordinal", "multilabel"), "segment": ("mask",)}


def kinds(metric: Any) -> tuple[str, ...]:
    """The kinds of data that a metric is for: others have no row of it."""
    every = tuple(kind for task in metric.TASKS for kind in KINDS_OF[task])
    found: tuple[str, ...] = getattr(metric, "KINDS", every)
    return found


def influence(metric: Any, predictions: Cases, units: Codes, args: Mapping[str, Any]) -> Influence:
    """How much each unit moves a metric, by its own formula or the jackknife."""
    if hasattr(metric, "influence"):
        found: Influence = metric.influence(predictions, units, **args)
        return found
    measure = partial(metric.measure, predictions, **args)
    return jackknife(measure, units, predictions.strata)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Servable:
    """What a backend can open: the exported file, and its torch twin if there is one.

    `module()` gives a torch module in eval mode whose output are probabilities, like the file's.
    """

    onnx: Path
    shape: tuple[int, ...]
    module: Callable[[], Any] | None = None


class Session(Protocol):
    """An opened model, ready to be timed."""

    provider: str

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *shape) -> probabilities (n, outputs); returns when the answer is there."""

    def close(self) -> None: ...


class Backend(Protocol):
    """`backends/NAME.py`."""

    def available(self) -> str | None:
        """None, or the sentence why this machine cannot."""

    def open(self, servable: Servable, device: str, precision: str, threads: int) -> Session: ...


class Format(Protocol):
    """`formats/NAME.py`: predictions in somebody else's file. Reading, writing, or both.

    Optionally `TASKS`, by default ("classify",); `datasets(path, suite) -> list[str]`, those that a
    file can be of, where it says so; `doubts(path, table, suite, root)`, warnings of a record; and
    `export(report, folder) -> Written`, which makes it one of `report --to`: it writes a
    `formats._report.Report` into `folder`, made by it where it is not there. One of a report alone,
    which nobody scores, has `TASKS` ().
    """

    def sniff(self, path: Path) -> bool:
        """Whether a file looks like one of this format, by its name or first bytes."""

    def read(self, path: Path, suite: Any, root: Path | None) -> Cases:
        """The predictions of a file, joined to the labels that the suite's data has."""

    def write(self, predictions: Any, folder: Path, **args: Any) -> Path:
        """Write a file into `folder` and return where it is."""


class Section(Protocol):
    """`report/NAME.py`."""

    def section(self, view: Any) -> str:
        """A piece of the page, or "" where there is nothing to say."""
