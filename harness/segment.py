"""The exported file, and its torch twin, over volumes one at a time: numbers, and no mask kept."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import shelf
from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.inference import Array, Model, Reader
from harness.metrics._pair import Pair, counted
from harness.samples import bands
from harness.segmented import Segmented
from harness.suite import Empty, MetricSpec
from harness.volumes import SIZE, Case, Volumes

Cell = Mapping[str, Any]
"""What was counted of one class of one case: column name -> number, or a number a lesion."""
NONE = "none"
"""The group of size of a case with nothing to find."""
Fault = Mapping[str, str]
"""A case that could not be read: `id`, `split` and `message`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is counted of a case: metrics, the policy of empty masks, bands of size in ml."""

    metrics: Sequence[MetricSpec]
    empty: Empty
    sizes: Sequence[float] = ()

    def of(self, case: Case, mask: NDArray[np.uint8] | None, classes: int) -> list[Cell]:
        """A cell a class, of a predicted mask on the case's grid; None where there is none."""
        if case.mask is None:
            raise HarnessError(f"{case.id} must have a mask to be measured, got none")
        pairs = [
            Pair(case.mask == k, None if mask is None else mask == k, case.spacing)
            for k in range(1, classes + 1)
        ]
        return [self._cell(pair) for pair in pairs]

    def unread(self, classes: int) -> list[Cell]:
        """Of a case whose image or mask cannot be read: the worst there is."""
        return [self._cell(Pair.unread()) for _ in range(classes)]

    def _cell(self, pair: Pair) -> Cell:
        cell: dict[str, Any] = dict(counted(pair))
        for spec in self.metrics:
            found = shelf.load("metrics", spec.name).columns(pair, self.empty, **spec.args)
            cell.update(found)
        return cell


def predict(
    models: Mapping[str, Model], splits: Sequence[Volumes], reader: Reader, asked: Asked
) -> tuple[Segmented, list[Fault]]:
    """Every model on every case of every split, and the cases that could not be read.

    Those are in the table all the same, as the worst that there is. Masks of the models are told
    apart voxel by voxel on the case's own grid.
    """
    faults: list[Fault] = []
    parts = [
        table(volumes, variant, rows, facts, asked)
        for volumes in splits
        for variant, rows, facts in _split(models, volumes, reader, asked, faults)
    ]
    return Segmented.concatenated(parts), faults


def _split(
    models: Mapping[str, Model],
    volumes: Volumes,
    reader: Reader,
    asked: Asked,
    faults: list[Fault],
) -> Iterator[tuple[str, list[list[Cell]], list[Mapping[str, float]]]]:
    """A variant, its cells by case and class, and the facts of each case."""
    rows: dict[str, list[list[Cell]]] = {variant: [] for variant in models}
    facts: list[Mapping[str, float]] = []
    classes = len(volumes.classes)
    for name in volumes.ids.tolist():
        try:
            case, image = readable(volumes, name, reader)
        except HarnessError as error:
            faults.append({"id": str(name), "split": volumes.split, "message": str(error)})
            cells, fact = {variant: asked.unread(classes) for variant in models}, NOTHING
        else:
            masks, fact = _masks(models, case, image, reader)
            cells = {variant: asked.of(case, mask, classes) for variant, mask in masks.items()}
        for variant, cell in cells.items():
            rows[variant].append(cell)
        facts.append(fact)
    for variant in models:
        yield variant, rows[variant], facts


NOTHING: Mapping[str, float] = dict.fromkeys(
    ("voxels", "windows", "parity_flips", "parity_max_abs"), 0.0
)


def readable(volumes: Volumes, name: str, reader: Reader) -> tuple[Case, Array]:
    """A case with its mask, and its image on the network's grid.

    Raises HarnessError, naming the case, where one of the two cannot be had.
    """
    case = volumes.read(name)
    if case.mask is None:
        raise HarnessError(f"case {name} must have a mask to be measured, got none; add its file")
    try:
        return case, reader.image(case)
    except HarnessError as error:
        raise HarnessError(f"case {name}: {error}") from None


def _masks(
    models: Mapping[str, Model], case: Case, image: Array, reader: Reader
) -> tuple[dict[str, NDArray[np.uint8]], Mapping[str, float]]:
    """The mask that each model makes, and how far the shipped one is from the other."""
    seen: list[int] = []
    counted = {**models, SHIPPED: _counting(models[SHIPPED], seen)}
    found = {name: reader.probabilities(model, case, image) for name, model in counted.items()}
    masks = {name: reader.mask(probability) for name, probability in found.items()}
    fact = dict(NOTHING, voxels=float(masks[SHIPPED].size), windows=float(sum(seen)))
    for name in masks.keys() - {SHIPPED}:
        fact["parity_flips"] = float(np.count_nonzero(masks[name] != masks[SHIPPED]))
        fact["parity_max_abs"] = float(np.abs(found[name] - found[SHIPPED]).max())
    return masks, fact


def _counting(model: Model, seen: list[int]) -> Model:
    """The same model, which notes how many windows it is given."""

    def asked(windows: Array) -> Array:
        seen.append(len(windows))
        return model(windows)

    return asked


def table(
    volumes: Volumes,
    variant: str,
    rows: Sequence[Sequence[Cell]],
    facts: Sequence[Mapping[str, float]],
    asked: Asked,
) -> Segmented:
    """A row a case, in the order of `volumes`: its cells, one a class, and its facts."""
    columns = {name: _column([[cell[name] for cell in row] for row in rows]) for name in rows[0][0]}
    groups = dict(volumes.groups)
    if asked.sizes:
        groups[SIZE] = _sizes(columns["true_ml"].sum(axis=1), asked.sizes)
    return Segmented(
        classes=volumes.classes,
        id=volumes.ids,
        split=np.full(len(volumes), volumes.split),
        variant=np.full(len(volumes), variant),
        subject=volumes.subjects,
        groups=groups,
        columns=columns,
        facts={name: np.array([fact[name] for fact in facts]) for name in facts[0]},
    )


def _sizes(total: NDArray[np.float64], cuts: Sequence[float]) -> NDArray[Any]:
    """(n,) ml -> bands of size, NONE where there is nothing; "" where it is unknown."""
    known = np.array(["" if np.isnan(ml) else repr(float(ml)) for ml in total])
    return np.where(total == 0, NONE, bands({SIZE: known}, SIZE, cuts))


def _column(cells: Sequence[Sequence[Any]]) -> NDArray[Any]:
    """(n, classes): numbers, or an array of lesions a cell."""
    if not isinstance(cells[0][0], np.ndarray):
        return np.array(cells, dtype=np.float64)
    column = np.empty((len(cells), len(cells[0])), dtype=object)
    for i, row in enumerate(cells):
        for k, cell in enumerate(row):
            column[i, k] = cell
    return column
