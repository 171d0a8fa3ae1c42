"""What is known of a model when it is doubted, and the numbers that several guards ask of it."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness import contracts
from harness.cases import UNCALIBRATED
from harness.predictions import Predictions
from harness.statistics.influence import Influence
from harness.statistics.intervals import Range, interval

Array = NDArray[np.float64]
Doubt = dict[str, str]
"""`code` and `message`: a sentence with its numbers, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The shipped variant on `test`, `val` and cases of `train`, each of the latter perhaps none.

    `plain`: test before its calibration, if it had one. `selection` is the record's. `cases`: how
    many the data has, by split, where that is known. Errors are by `over`.
    """

    test: Any
    val: Any
    train: Any
    plain: Any = None
    selection: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cases: Mapping[str, int] = dataclasses.field(default_factory=dict)
    over: str = "subject"

    @classmethod
    def of(cls, predictions: Any, **known: Any) -> "Evidence":
        """That of a table of all splits and variants."""
        test, val, train = map(predictions.select, ("test", "val", "train"))
        plain = predictions.select("test", UNCALIBRATED)
        return cls(test=test, val=val, train=train, plain=plain if len(plain) else None, **known)


Guard = Callable[[Evidence], Iterator[Doubt]]


class Estimate(NamedTuple):
    """A metric of some cases; NaN where undefined, and bounds then are, too."""

    value: float
    influence: Influence | None
    bounds: Range

    def between(self, level: float) -> tuple[float, float]:
        """The two-sided interval."""
        if self.influence is None:
            return math.nan, math.nan
        found = interval(self.value, self.influence, self.bounds, level=level, over="unit")
        return found.ci or (math.nan, math.nan)


def doubt(code: str, message: str) -> Doubt:
    """As a record has it."""
    return {"code": code, "message": message}


def value(metric: Any, cases: Predictions) -> float:
    """Of a file of metrics/; NaN where it is undefined."""
    ones = np.ones((1, len(cases)))
    return float(metric.measure(cases, ones)[0])


def estimate(metric: Any, cases: Predictions, over: str) -> Estimate:
    """Of a file of metrics/, its errors by unit."""
    found, moved = value(metric, cases), None
    if not math.isnan(found):
        moved = contracts.influence(metric, cases, cases.units(over).codes, {})
    return Estimate(found, moved, metric.RANGE)


def columns(cases: Predictions) -> list[int]:
    """What is scored by itself: of two classes the second, of more, or of labels, each."""
    binary = len(cases.classes) == 2 and cases.kind != "multilabel"
    return [1] if binary else list(range(len(cases.classes)))


def listed(names: list[str], most: int = 3) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
