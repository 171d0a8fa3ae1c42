"""The best, median and worst test case of a model: found in its table and predicted again."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import predict, shelf
from harness.errors import HarnessError
from harness.inference import Model
from harness.job import Job
from harness.metrics._pair import Pair, counted
from harness.pictures import Number, Shown, animation, overlay
from harness.plan import Run
from harness.progress import Progress
from harness.segmented import Segmented
from harness.suite import MetricSpec, Suite
from harness.tables import read_cases
from harness.tasks.segment import reader
from harness.volumes import Case, Volumes

PHANTOM = "phantom"
"""How the names of readers of made-up data begin."""
FIRST = 3
"""So many metrics of a suite are told of a case, beside its volumes."""

Film = Callable[[str, bytes], str]
"""Keeps the animation of a case, "best" and so on, and says where it is."""
Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Again:
    """A finished Run, or a fold of one, whose test cases are read and predicted once more."""

    job: Job

    @cached_property
    def cases(self) -> Volumes:
        """Of the test split."""
        volumes: Volumes = self.job.cases("test")
        return volumes

    @cached_property
    def model(self) -> Model:
        """The file that ships. Raises HarnessError where it is not there."""
        return predict.onnx_model(self.job.folder / "model.onnx")

    def mask(self, case: Case) -> NDArray[np.uint8]:
        """(X, Y, Z), predicted on the grid of the case as it was when it was measured."""
        how = reader(self.job)
        return how.mask(how.probabilities(self.model, case, how.image(case)))


def extremes(
    suite: Suite,
    run: Run,
    parts: Sequence[tuple[Run, Path]],
    root: Path | None,
    film: Film | None = None,
) -> Iterator[Shown]:
    """Of the shipped model, by the suite's first metric; fewer where fewer cases have a value.

    parts: the Run and its folder, or its folds and theirs. A mask is never kept, so that cases are
    predicted again, one in memory at a time.
    Raises HarnessError where a file or a case cannot be read.
    """
    tables = [_table(folder) for _, folder in parts]
    whole = Segmented.concatenated(tables)
    of = np.repeat(np.arange(len(parts)), [len(table) for table in tables])
    jobs = [Job(suite, part, {}, root, folder, Progress(quiet=True)) for part, folder in parts]
    runs = [Again(job) for job in jobs]
    merit = merits(whole, suite.metrics[0])
    for which, row in choose(merit, whole.id).items():
        case = runs[of[row]].cases.read(str(whole.id[row]))
        mask = runs[of[row]].mask(case)
        shown = runs[of[row]].job.input
        yield Shown(
            suite=suite.name,
            dataset=run.dataset,
            device=run.device,
            model=run.model,
            seed=run.seed,
            which=which,
            case=case.id,
            among=int(np.isfinite(merit).sum()),
            classes=whole.classes,
            numbers=tuple(_numbers(whole, suite.metrics[:FIRST], row)),
            overlay=overlay(case, mask, shown, len(whole.classes)),
            apart=_apart(whole, row, case, mask),
            real=not suite.datasets[run.dataset].load.startswith(PHANTOM),
            film=film(which, animation(case, mask, shown, len(whole.classes)))
            if film and mask.shape[-1] > 1
            else "",
        )


def _table(folder: Path) -> Segmented:
    """The test cases of the shipped model in a run's folder."""
    path = folder / "predictions.parquet"
    try:
        found = read_cases(path.read_bytes(), str(path)).select("test")
    except OSError as error:
        raise HarnessError(f"{path} must be readable, got: {error.strerror}; run again") from None
    if not isinstance(found, Segmented):
        raise HarnessError(f"{path} must be of masks to be shown, got {found.of_kind} classes")
    return found


def by_case(table: Segmented, spec: MetricSpec) -> Values:
    """(n, classes): a metric of each class of each case alone, by weights that leave others out."""
    metric: Any = shelf.load("metrics", spec.name)
    every = (table.one_against_rest(k) for k in range(len(table.classes)))
    alone = np.eye(len(table))
    return np.stack([metric.measure(one, alone, **spec.args) for one in every], axis=1)


def merits(table: Segmented, spec: MetricSpec) -> Values:
    """(n,): more is better; NaN for cases that do not count, or could not be read."""
    better = shelf.load("metrics", spec.name).BETTER
    value = _mean(by_case(table, spec))
    unread = np.isnan(table.columns["true_ml"]).all(axis=1)
    return np.where(unread, np.nan, -value if better == "lower" else value)


def _mean(values: Values) -> Values:
    """(..., classes) -> (...): of the classes that count, NaN where none does."""
    counted = np.isfinite(values)
    total = np.where(counted, values, 0.0).sum(axis=-1)
    n: Values = counted.sum(axis=-1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def choose(merit: Values, names: NDArray[Any]) -> dict[str, int]:
    """`best`, `median` and `worst` -> row; of several as good, the first by name.

    Of an even number the median is the worse one of the middle two. A case stands once: two cases
    have no median, and one is the `only` one.
    """
    known = np.flatnonzero(np.isfinite(merit)).tolist()
    order = sorted(known, key=lambda row: (-merit[row], str(names[row])))
    if len(order) < 2:
        return dict.fromkeys(["only"], order[0]) if order else {}
    median = {"median": order[len(order) // 2]} if len(order) > 2 else {}
    return {"best": order[0], **median, "worst": order[-1]}


def _numbers(table: Segmented, metrics: Sequence[MetricSpec], row: int) -> Iterator[Number]:
    for spec in metrics:
        values = by_case(table, spec)[row]
        unit = shelf.load("metrics", spec.name).UNIT
        yield Number(metric=spec.name, value=float(_mean(values)), classes=tuple(values), unit=unit)
    for name in ("true_ml", "predicted_ml"):
        cells = table.columns[name][row].astype(np.float64)
        yield Number(metric=name, value=float(cells.sum()), classes=tuple(cells), unit="ml")


def _apart(table: Segmented, row: int, case: Case, mask: NDArray[np.uint8]) -> int:
    """By how many voxels, at least, the mask is another than the one that was measured."""
    if case.mask is None:
        return 0
    total = 0.0
    for k in range(1, len(table.classes) + 1):
        pair = Pair(np.equal(case.mask, k), np.equal(mask, k), case.spacing)
        found = counted(pair)
        total += sum(abs(found[name] - table.columns[name][row, k - 1]) for name in ("tp", "fp"))
    return int(total)
