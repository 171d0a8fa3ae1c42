"""Predictions, the waist: what a model made of samples, a row a case."""

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cases import CLASSES, KIND, Cases, Scores
from harness.disk import column, read_table
from harness.errors import HarnessError
from harness.samples import Kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Predictions(Cases):
    """A row a case of a classification task, columns as arrays of length n.

    probability: (n, classes) float64, rows summing to 1; binary is widened to two columns.
    y_true, decision: (n,) class indices, decided by `decide`.
    groups: column name -> (n,) str, "" where unknown.
    Of kind multilabel, y_true and decision are (n, classes) of 0 and 1, and no row sums to 1.
    """

    y_true: NDArray[np.int64]
    probability: NDArray[np.float64]
    decision: NDArray[np.int64]
    kind: Kind = "nominal"

    @property
    def truth(self) -> NDArray[np.bool_]:
        """(n, classes): which classes are true."""
        return self._indicated(self.y_true)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """(n, classes): which classes are decided."""
        return self._indicated(self.decision)

    def _indicated(self, column: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (
            column == 1 if column.ndim == 2 else column[:, None] == np.arange(len(self.classes))
        )
        return found

    def one_against_rest(self, k: int) -> "Predictions":
        """Class `k` as the positive of a binary task, decided as the whole task was decided."""
        positive = self.probability[:, k]
        return dataclasses.replace(
            self,
            classes=(f"not {self.classes[k]}", self.classes[k]),
            y_true=self.truth[:, k].astype(np.int64),
            probability=np.stack([1 - positive, positive], axis=1),
            decision=self.decided[:, k].astype(np.int64),
            kind="nominal",
        )

    @property
    def of_kind(self) -> str:
        """How classes relate."""
        return self.kind

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,): the true class; of several labels the rarest that is true, or one more for none."""
        if self.kind != "multilabel":
            return self.y_true
        truth = self.truth
        rarest = np.where(truth, truth.sum(axis=0), len(truth) + 1).argmin(axis=1)
        return np.where(truth.any(axis=1), rarest, len(self.classes))

    def sound(self) -> None:
        """Raise HarnessError for what is no probability."""
        probability = self.probability
        within = np.all((probability >= 0) & (probability <= 1), axis=1, keepdims=True)
        total = np.where(within, probability, 0).sum(axis=1)
        labels = self.kind == "multilabel"
        sound = within[:, 0] if labels else np.abs(total - 1) <= SUM_TOLERANCE
        if wrong := int((~sound).sum()):
            more = "" if labels else " and sum to 1 over the classes"
            raise HarnessError(
                f"probabilities must be finite, within [0, 1]{more}, got {wrong} of"
                f" {len(self)} cases that are not; give probabilities, not logits"
            )

    def parity(self, twin: "Predictions") -> tuple[float, float, int, str]:
        """Of probabilities, and of decisions by case."""
        apart = np.abs(self.probability - twin.probability).max()
        flips = (self.decided != twin.decided).any(axis=1).sum()
        return float(apart), float(flips), len(self), "image"

    def tally(self) -> str:
        """How many cases there are of each class: 12 benign, 0 malignant."""
        counted = zip(self.truth.sum(axis=0), self.classes, strict=True)
        return ", ".join(f"{n} {name}" for n, name in counted)

    def about(self) -> dict[str, NDArray[Any]]:
        """All but what a model said: tables of the same cases agree in it."""
        return {**Cases.about(self), "kind": np.array(self.kind), "y_true": self.y_true}

    def alike(self, other: "Predictions", tolerance: float) -> bool:
        """Whether every case is decided the same, by the same probabilities but for rounding."""
        same = np.array_equal(self.decision, other.decision)
        return same and Cases.alike(self, other, tolerance)

    def scores(self) -> Scores:
        """The probabilities, `p0`, `p1` ..."""
        return _spread("p", self.probability)

    def with_scores(self, scores: Scores, threshold: float) -> "Predictions":
        """The same cases with other probabilities, decided by `threshold`."""
        if len(scores) != len(self.classes):
            raise ValueError(f"{len(scores)} columns")
        probability = _gathered(scores, "p", len(self.classes))
        if len(probability) != len(self):
            raise ValueError(f"{len(probability)} cases")
        decision = decide(probability, self.kind, threshold)
        return dataclasses.replace(self, probability=probability, decision=decision)

    def to_parquet(self) -> bytes:
        """One Parquet file: a column a field, `p0`, `p1` ..., `group.NAME`; classes as metadata.

        Of several labels a case, `y_true0`, `decision0` ... are a column a label.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        for name in _BY_CASE:
            columns |= _spread(name, getattr(self, name))
        if self.subject is not None:
            columns["subject"] = self.subject
        columns |= {f"group.{name}": column for name, column in self.groups.items()}
        columns |= _spread("p", self.probability)
        about = {CLASSES: json.dumps(self.classes), KIND: self.kind}
        table = pa.table(columns).replace_schema_metadata(about)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, name: str) -> "Predictions":
        """The inverse of `to_parquet`; `name` is what a HarnessError calls the file."""
        import pyarrow as pa

        try:
            table = read_table(data)
            about = table.schema.metadata or {}
            classes = tuple(json.loads(about[CLASSES.encode()]))
            kind = about.get(KIND.encode(), b"nominal").decode()
            columns = {key: column(table, key) for key in table.column_names}
            labels = len(classes) if kind == "multilabel" else 0
            return cls(
                classes=classes,
                kind=kind,
                **{key: columns[key] for key in _PLAIN},
                **{key: _gathered(columns, key, labels) for key in _BY_CASE},
                probability=_gathered(columns, "p", len(classes)),
                subject=columns.get("subject"),
                groups={k[6:]: v for k, v in columns.items() if k.startswith("group.")},
            )
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise HarnessError(f"{name} must be predictions in Parquet, got {error}") from None


def decide(probability: NDArray[np.float64], kind: Kind, threshold: float) -> NDArray[np.int64]:
    """(n, classes) probabilities -> decisions, as the columns of `Predictions` hold them.

    p > threshold for two classes and for each label, argmax for more.
    """
    if kind == "multilabel":
        return (probability > threshold).astype(np.int64)
    binary = probability.shape[1] == 2
    decided = probability[:, 1] > threshold if binary else probability.argmax(axis=1)
    return decided.astype(np.int64)


def _spread(name: str, column: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if column.ndim == 1:
        return {name: column}
    return {f"{name}{k}": column[:, k] for k in range(column.shape[1])}


def _gathered(columns: Mapping[str, NDArray[Any]], name: str, width: int) -> NDArray[Any]:
    """The inverse of `_spread`; a width of 0 is one column without a number."""
    if not width:
        return columns[name]
    return np.stack([columns[f"{name}{k}"] for k in range(width)], axis=1)


_PLAIN = ("id", "split", "variant")
_BY_CASE = ("y_true", "decision")
SUM_TOLERANCE = 1e-4
