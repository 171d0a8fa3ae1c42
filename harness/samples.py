"""Samples, what a dataset gives, and Predictions, what a model made of them: the waist."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

Kind = Literal["nominal", "ordinal", "multilabel"]
"""How classes relate: one a case, one of a scale a case, or any number a case."""

SHIPPED = "onnx-fp32"
"""The variant that ships, and that every unqualified quality row is about."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The cases of one split, images read only when asked for.

    pixels: (n, C, H, W) or (n, C, D, H, W), any dtype, held once; `batch` brings 0 to `full_scale`
    into `range`.
    targets: (n,) int64, indices into `classes`; of kind multilabel (n, classes), 0 or 1.
    subjects: (n,) str, or None where the data names none. groups: column name -> (n,) str.
    """

    split: str
    ids: NDArray[Any]
    pixels: NDArray[Any]
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    subjects: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)
    kind: Kind = "nominal"
    full_scale: float = 255.0
    range: tuple[float, float] = (0.0, 1.0)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (C, H, W) or (C, D, H, W)."""
        return tuple(self.pixels.shape[1:])

    def batch(self, index: NDArray[Any] | slice) -> NDArray[np.float32]:
        """Images (len(index), C, ..., W), float32, in `range` where the pixels fill theirs."""
        scaled: NDArray[np.float32] = self.pixels[index].astype(np.float32)
        scaled /= np.float32(self.full_scale)
        low, high = self.range
        if (low, high) != (0, 1):
            scaled *= np.float32(high - low)
            scaled += np.float32(low)
        return scaled

    def banded(self, edges: Mapping[str, Sequence[float]]) -> "Samples":
        """Numeric group columns as bands: edges [0, 40, 65] make 63 "40-65", 70 ">=65"."""
        bands = {name: _bands(self.groups, name, cuts) for name, cuts in edges.items()}
        return dataclasses.replace(self, groups={**self.groups, **bands})

    def first(self, n: int) -> "Samples":
        """The same split cut to `n` cases, spread evenly over it, every class kept if it can be."""
        if n >= len(self):
            return self
        one_each = np.unique(self.targets, return_index=True)[1][:n]
        order = np.argsort(self.targets, kind="stable")
        rest = order[~np.isin(order, one_each)]
        spread = np.linspace(0, len(rest) - 1, n - len(one_each)).round().astype(np.int64)
        keep = np.sort(np.concatenate([one_each, rest[spread]]))
        return dataclasses.replace(
            self,
            ids=self.ids[keep],
            pixels=self.pixels[keep],
            targets=self.targets[keep],
            subjects=None if self.subjects is None else self.subjects[keep],
            groups={name: column[keep] for name, column in self.groups.items()},
        )


def _bands(groups: Mapping[str, NDArray[Any]], name: str, cuts: Sequence[float]) -> NDArray[Any]:
    if name not in groups:
        known = ", ".join(sorted(groups)) or "none"
        raise HarnessError(f"groups must name columns of the data, got {name!r}; known: {known}")
    edges = [f"{cut:g}" if float(f"{cut:g}") == cut else repr(cut) for cut in cuts]
    labels = [f"<{edges[0]}", *(f"{a}-{b}" for a, b in pairwise(edges)), f">={edges[-1]}"]
    try:
        numbers = np.array([float(value) if value else np.nan for value in groups[name].tolist()])
    except ValueError as error:
        raise HarnessError(f"group {name} must be numbers to be banded, got: {error}") from None
    banded = np.array(labels)[np.searchsorted(cuts, numbers, side="right")]
    return np.where(np.isnan(numbers), "", banded)


class Units(NamedTuple):
    """What is resampled and counted, and the code (n,) of the one that each case belongs to."""

    over: str
    codes: NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """A row a case of a classification task, columns as arrays of length n.

    probability: (n, classes) float64, rows summing to 1; binary is widened to two columns.
    decision: (n,) class indices, made by the shipped model's threshold or argmax.
    groups: column name -> (n,) str, "" where unknown.
    """

    classes: tuple[str, ...]
    id: NDArray[Any]
    split: NDArray[Any]
    variant: NDArray[Any]
    y_true: NDArray[np.int64]
    probability: NDArray[np.float64]
    decision: NDArray[np.int64]
    subject: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)

    def units(self, over: str) -> "Units":
        """What is resampled: subjects where asked for and known, else images."""
        if self.subject is None or over != "subject":
            return Units("image", np.arange(len(self)))
        return Units("subject", np.unique(self.subject, return_inverse=True)[1])

    def where(self, mask: NDArray[Any]) -> "Predictions":
        """The rows of a boolean mask or an index array."""
        return dataclasses.replace(
            self,
            id=self.id[mask],
            split=self.split[mask],
            variant=self.variant[mask],
            y_true=self.y_true[mask],
            probability=self.probability[mask],
            decision=self.decision[mask],
            subject=None if self.subject is None else self.subject[mask],
            groups={name: column[mask] for name, column in self.groups.items()},
        )

    def select(self, split: str, variant: str = SHIPPED) -> "Predictions":
        """The rows of one split and variant."""
        return self.where((self.split == split) & (self.variant == variant))

    def one_against_rest(self, k: int) -> "Predictions":
        """Class `k` as the positive of a binary task, decided as the whole task was decided."""
        positive = self.probability[:, k]
        return dataclasses.replace(
            self,
            classes=(f"not {self.classes[k]}", self.classes[k]),
            y_true=(self.y_true == k).astype(np.int64),
            probability=np.stack([1 - positive, positive], axis=1),
            decision=(self.decision == k).astype(np.int64),
        )

    def to_parquet(self) -> bytes:
        """One Parquet file: a column a field, `p0`, `p1` ..., `group.NAME`; classes as metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        if self.subject is not None:
            columns["subject"] = self.subject
        columns |= {f"group.{name}": column for name, column in self.groups.items()}
        columns |= {f"p{k}": self.probability[:, k] for k in range(len(self.classes))}
        table = pa.table(columns).replace_schema_metadata({_CLASSES: json.dumps(self.classes)})
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, name: str) -> "Predictions":
        """The inverse of `to_parquet`; `name` is what a HarnessError calls the file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(io.BytesIO(data))
            classes = tuple(json.loads((table.schema.metadata or {})[_CLASSES.encode()]))
            columns = {key: table[key].to_numpy() for key in table.column_names}
            return cls(
                classes=classes,
                **{key: columns[key] for key in _PLAIN},
                probability=np.stack([columns[f"p{k}"] for k in range(len(classes))], axis=1),
                subject=columns.get("subject"),
                groups={k[6:]: v for k, v in columns.items() if k.startswith("group.")},
            )
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise HarnessError(f"{name} must be predictions in Parquet, got {error}") from None


_PLAIN = ("id", "split", "variant", "y_true", "decision")
_CLASSES = "harness.classes"
