"""Segmented, the waist of masks: what each metric counted of a case while its mask was there."""

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.cases import CLASSES, KIND, Cases, Scores
from harness.disk import read_table
from harness.errors import HarnessError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Segmented(Cases):
    """A row a case of a segmentation task; `classes` are without the background.

    columns: name -> (n, classes) float64 of what a metric's `columns` gave of each class, NaN where
    the policy excludes the case; a cell of a column of lesions is an array, a number a lesion.
    facts: name -> (n,) of what is said of a whole case: voxels, how many the export flipped.
    A mask is never kept.
    """

    columns: Mapping[str, NDArray[Any]]
    facts: Mapping[str, NDArray[np.float64]] = dataclasses.field(default_factory=dict)

    kind: ClassVar[str] = "mask"
    CASE: ClassVar[str] = "volume"

    @property
    def of_kind(self) -> str:
        """A mask a class."""
        return self.kind

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,): all of one."""
        return np.zeros(len(self), dtype=np.int64)

    def sound(self) -> None:
        """Counts are made here: there is nothing to refuse."""

    def parity(self, twin: "Segmented") -> tuple[float, float, int, str]:
        """Voxel by voxel, as it was counted while the masks were there."""
        facts = {name: np.nan_to_num(column) for name, column in self.facts.items()}
        voxels = int(facts["voxels"].sum())
        flips, apart = facts["parity_flips"].sum(), facts["parity_max_abs"].max()
        return float(apart), float(flips), voxels, "voxel"

    def tally(self) -> str:
        """How many cases there are."""
        return f"{len(self)} cases"

    def one_against_rest(self, k: int) -> "Segmented":
        """The same cases, of class `k` alone."""
        columns = {name: column[:, [k]] for name, column in self.columns.items()}
        return dataclasses.replace(self, classes=(self.classes[k],), columns=columns)

    def scores(self) -> Scores:
        """The columns, a class each: `dice.0`, `dice.1`."""
        return {
            f"{name}.{k}": column[:, k]
            for name, column in self.columns.items()
            for k in range(column.shape[1])
        }

    def with_scores(self, scores: Scores, threshold: float) -> "Segmented":
        """The same cases with the columns of another model, of those metrics that both have."""
        columns = {
            name: np.stack([scores[f"{name}.{k}"] for k in range(len(self.classes))], axis=1)
            for name in self.columns
            if f"{name}.0" in scores
        }
        if any(column.shape[0] != len(self) for column in columns.values()) or not columns:
            raise ValueError(f"{sorted(scores)}")
        return dataclasses.replace(self, columns=columns)

    def to_parquet(self) -> bytes:
        """One Parquet file: a column a metric and class, `group.NAME`, `fact.NAME`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        if self.subject is not None:
            columns["subject"] = self.subject
        columns |= {f"group.{name}": column for name, column in self.groups.items()}
        columns |= {f"fact.{name}": column for name, column in self.facts.items()}
        columns |= {f"column.{name}": list(column) for name, column in self.scores().items()}
        about = {CLASSES: json.dumps(self.classes), KIND: self.kind}
        table = pa.table(columns).replace_schema_metadata(about)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, name: str) -> "Segmented":
        """The inverse of `to_parquet`; `name` is what a HarnessError calls the file."""
        import pyarrow as pa

        try:
            table = read_table(data)
            classes = tuple(json.loads((table.schema.metadata or {})[CLASSES.encode()]))
            held = {key: ragged(table.column(key)) for key in table.column_names}
            found = _under("column.", held)
            names = dict.fromkeys(key.rpartition(".")[0] for key in found)
            return cls(
                classes=classes,
                **{key: held[key] for key in _PLAIN},
                subject=held.get("subject"),
                groups=_under("group.", held),
                facts=_under("fact.", held),
                columns={
                    key: np.stack([found[f"{key}.{k}"] for k in range(len(classes))], axis=1)
                    for key in names
                },
            )
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise HarnessError(f"{name} must be segmented cases in Parquet, got {error}") from None


def ragged(column: Any) -> NDArray[Any]:
    """A column of a Parquet table as an array; of lists, an array of arrays."""
    import pyarrow as pa

    values = column.to_pylist()
    if not pa.types.is_list(column.type):
        return np.array(values)
    cells = np.empty(len(values), dtype=object)
    cells[:] = [np.array(value, dtype=np.float64) for value in values]
    return cells


def _under(prefix: str, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {
        key.removeprefix(prefix): value for key, value in columns.items() if key.startswith(prefix)
    }


_PLAIN = ("id", "split", "variant")
