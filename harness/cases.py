"""Cases: what tables of predictions have in common, whatever the task, a row a case."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

SHIPPED = "onnx-fp32"
"""The variant that ships, and that every unqualified quality row is about."""
UNCALIBRATED = "uncalibrated"
"""The variant of val and test that would ship without its calibration."""
ELSEWHERE = "test@"
"""Before the name of another dataset: the split of its test cases."""

CLASSES, KIND = "harness.classes", "harness.kind"
"""Where a Parquet file of cases says what its classes are, and of which kind."""

Scores = Mapping[str, NDArray[Any]]
"""Column name -> (n,) of what a model said, as an accepted table holds it."""


class Units(NamedTuple):
    """What is resampled and counted, and the code (n,) of the one that each case belongs to."""

    over: str
    codes: NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """A row a case, columns as arrays of length n; groups: column name -> (n,) str, "" unknown."""

    classes: tuple[str, ...]
    id: NDArray[Any]
    split: NDArray[Any]
    variant: NDArray[Any]
    subject: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)

    CASE: ClassVar[str] = "image"

    @property
    def of_kind(self) -> str:
        """How the answers of a case relate: a kind of classes, or "mask"."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.id)

    def units(self, over: str) -> Units:
        """What is resampled: subjects where asked for and known, else cases, each counted once."""
        if over == "subject" and self.subject is not None and np.any(self.subject != ""):
            return Units("subject", np.unique(self.subject, return_inverse=True)[1])
        distinct, codes = np.unique(self.id, return_inverse=True)
        return Units(self.CASE, codes if len(distinct) < len(self) else np.arange(len(self)))

    def where(self, mask: NDArray[Any]) -> Self:
        """The rows of a boolean mask or an index array."""
        fields = [field.name for field in dataclasses.fields(self)]
        return dataclasses.replace(self, **{f: _taken(getattr(self, f), mask) for f in fields})

    def select(self, split: str, variant: str = SHIPPED) -> Self:
        """The rows of one split and variant."""
        return self.where((self.split == split) & (self.variant == variant))

    @classmethod
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, which are of the same classes.

        Groups are the first's; a part that does not know them, or its subjects, has "" there.
        """
        first = parts[0]
        named = any(part.subject is not None for part in parts)
        plain = [field.name for field in dataclasses.fields(first)]
        return dataclasses.replace(
            first,
            **{f: _joined([getattr(part, f) for part in parts]) for f in plain if f not in _TOLD},
            subject=_told(parts, lambda part: part.subject) if named else None,
            groups={g: _told(parts, lambda part, g=g: part.groups.get(g)) for g in first.groups},  # type: ignore[misc]
        )

    def one_against_rest(self, k: int) -> Self:
        """The same cases, about class `k` alone."""
        raise NotImplementedError

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,) codes of the kinds of cases whose variances have freedom of their own."""
        raise NotImplementedError

    def tally(self) -> str:
        """How many cases there are of each kind, as a sentence ends: 12 benign, 0 malignant."""
        raise NotImplementedError

    def sound(self) -> None:
        """Raise HarnessError unless what is held can be scored."""
        raise NotImplementedError

    def parity(self, twin: Self) -> tuple[float, float, int, str]:
        """Largest difference from another variant of the same cases, flips, of how many of what."""
        raise NotImplementedError

    def scores(self) -> Scores:
        """What the model said, without anything of the data."""
        raise NotImplementedError

    def with_scores(self, scores: Scores, threshold: float) -> Self:
        """The same cases with what another model said. Raises KeyError or ValueError for others."""
        raise NotImplementedError

    def about(self) -> dict[str, NDArray[Any]]:
        """All but what a model said: tables of the same cases agree in it."""
        whole = {
            "classes": np.array(self.classes),
            "id": self.id,
            "subject": np.asarray(self.subject),
        }
        return whole | {f"group.{name}": column for name, column in self.groups.items()}

    def same_cases(self, other: "Cases") -> bool:
        """Whether both are of the same cases in the same order."""
        a, b = self.about(), other.about()
        return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)

    def alike(self, other: Self, tolerance: float) -> bool:
        """Whether a model said the same of every case, but for rounding."""
        a, b = self.scores(), other.scores()
        return a.keys() == b.keys() and all(_close(a[name], b[name], tolerance) for name in a)

    def to_parquet(self) -> bytes:
        """One Parquet file of all columns."""
        raise NotImplementedError


_TOLD = ("subject", "groups")


def _told(parts: Sequence[Cases], of: Callable[[Cases], NDArray[Any] | None]) -> NDArray[Any]:
    """A column that some parts may not know: "" there."""
    columns = [(of(part), len(part)) for part in parts]
    return np.concatenate([np.full(n, "") if a is None else a for a, n in columns])


def _close(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    """Of two columns of numbers, or of arrays of numbers."""
    if a.dtype == object:
        return all(len(x) == len(y) and _close(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True)


def _taken(value: Any, mask: NDArray[Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: column[mask] for name, column in value.items()}
    return value[mask] if isinstance(value, np.ndarray) else value


def _joined(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return {name: np.concatenate([each[name] for each in values]) for name in first}
    return np.concatenate(values) if isinstance(first, np.ndarray) else first
