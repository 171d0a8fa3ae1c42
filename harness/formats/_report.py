"""What a report gives to a format that is written of it, and what the format answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.baselines import Entry
from harness.cases import Scores
from harness.plan import Run
from harness.progress import Progress
from harness.report import Recipe
from harness.segmented import Segmented
from harness.suite import Suite
from harness.volumes import Case, Volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The test cases of a Run, or of one of its folds, and the mask (X, Y, Z) made of a case."""

    cases: Volumes
    mask: Callable[[Case], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model of masks whose Run is at hand; measured: what its record was made of."""

    suite: Suite
    run: Run
    root: Path | None
    parts: Sequence[Part]
    measured: Segmented


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The records of a recipe, and its models of masks.

    scores: of an entry, what its model said of each test case, in the order of the data; None where
    that is not at hand.
    models: found one after the other, the first seed of each; in place of one whose Run is not at
    hand "SUITE/DATASET/MODEL/DEVICE/SEED: why", without a full stop.
    """

    recipe: Recipe
    entries: Sequence[Entry]
    scores: Callable[[Entry], Scores | None]
    models: Callable[[], Iterator[Made | str]]
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Files or folders that were written; what people should know of them; and what is missing.

    Where something is missing the command fails, and the rest is written all the same.
    """

    paths: Sequence[Path]
    notes: Sequence[str] = ()
    missing: Sequence[str] = ()
