"""nnU-Net's predictions: a folder of masks, or the `summary.json` of what was counted of them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import disk, segment, truth
from harness.cases import SHIPPED
from harness.datasets import _folder
from harness.errors import HarnessError
from harness.formats import _stored, _summary
from harness.formats._joined import SHOWN
from harness.formats._stored import Stored
from harness.formats._summary import Summary
from harness.guards.evidence import Doubt, doubt
from harness.score import FALSE_ALARM, MISSED
from harness.segment import Asked
from harness.segmented import Segmented
from harness.suite import Dataset, Suite
from harness.volumes import SIZE, Volumes

TASKS = ("segment",)


def sniff(path: Path) -> bool:
    """Whether it is a folder, or JSON that has metrics by case."""
    if path.is_dir():
        return True
    try:
        return path.suffix == ".json" and '"metric_per_case"' in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def read(path: Path, suite: Suite, root: Path | None) -> Segmented:
    """The test cases of the suite's one dataset, each held against its mask, one in memory.

    A folder holds CASE.nii.gz, as `nnUNetv2_predict` writes it, on the grid and with the labels of
    the data; of a summary, what counts tell: other metrics have no number. A case that is not
    there, or whose data cannot be read, is the worst there is. Raises HarnessError where the data
    is not here, for what is of no test case, and for a file that is wrong.
    """
    [dataset] = suite.datasets.values()
    if (reason := truth.absent(dataset, root)) is not None:
        raise HarnessError(
            f"{path} must be held against the masks of its data, and {reason}; name its folder by "
            "--data"
        )
    volumes = truth.cases(dataset, "test", root)
    if not isinstance(volumes, Volumes):
        raise HarnessError(f"{path} must be of images with masks, got suite {suite.name}")
    return _measured(volumes, _predictions(path, volumes, suite, root))


def _predictions(path: Path, volumes: Volumes, suite: Suite, root: Path | None) -> Stored | Summary:
    [dataset] = suite.datasets.values()
    ids, values = volumes.ids.astype(str).tolist(), _values(dataset, volumes.classes, root)
    always = [spec for spec in (MISSED, FALSE_ALARM) if spec not in suite.metrics]
    asked = Asked(
        metrics=(*suite.metrics, *always),
        empty=suite.policy.empty,
        sizes=dataset.groups.get(SIZE, ()),
    )
    if path.is_dir():
        return Stored(masks=_stored.masks(path, ids), values=values, asked=asked)
    return Summary(
        path=path,
        cases=_summary.parse(path, ids),
        keys=[_key(values, k) for k in range(1, len(volumes.classes) + 1)],
        asked=asked,
        beyond=_summary.untold(asked.metrics),
    )


def _values(dataset: Dataset, classes: Sequence[str], root: Path | None) -> Mapping[int, int]:
    """Value of a predicted mask -> index of its class: as the data's own masks are stored.

    Of readers that number labels themselves, the classes in their order.
    """
    if dataset.load == "decathlon":
        return _folder.found(root, **dataset.args).values
    return {k: k for k in range(1, len(classes) + 1)}


def _key(values: Mapping[int, int], k: int) -> str:
    """What a summary calls the class `k`: a label, or the labels of a region."""
    labels = sorted(value for value, index in values.items() if index == k)
    return str(labels[0]) if len(labels) == 1 else str(tuple(labels))


def _measured(volumes: Volumes, found: Stored | Summary) -> Segmented:
    rows, facts, classes = [], [], len(volumes.classes)
    for name in volumes.ids.tolist():
        try:
            case = volumes.read(name)
        except HarnessError:  # `doubts` says why
            rows.append(found.unread(classes))
            facts.append(segment.NOTHING)
        else:
            rows.append(found.of(case, classes))
            facts.append({**segment.NOTHING, "voxels": float(case.image[0].size)})
    return segment._table(volumes, SHIPPED, rows, facts, found.asked)


def doubts(path: Path, table: Segmented, suite: Suite, root: Path | None) -> tuple[Doubt, ...]:
    """What the numbers of `path` do not show: cases without a prediction, or not read; metrics."""
    true, predicted = (
        np.isnan(table.columns[of]).all(axis=1) for of in ("true_ml", "predicted_ml")
    )
    lost, n = table.id[predicted & ~true].astype(str).tolist(), len(table)
    beyond = [] if path.is_dir() else _summary.untold(suite.metrics)
    found = [*_unread(table.id[true].tolist(), suite, root)] if true.any() else []
    if lost:
        more = " ..." if len(lost) > SHOWN else ""
        said = f"no prediction of {len(lost)} of {n} test cases, {' '.join(lost[:SHOWN])}{more}"
        said += ": they count as the worst there is; predict them too"
        found.append(doubt("missing-prediction", said))
    if beyond:
        said = f"{', '.join(beyond)} must be measured on masks, and {path.name} has counts alone"
        found.append(doubt("not-measured", f"{said}; give the folder of the masks"))
    return tuple(found)


def _unread(names: Sequence[str], suite: Suite, root: Path | None) -> Iterator[Doubt]:
    """Why each could not be read, without the place of the data."""
    [dataset] = suite.datasets.values()
    volumes = truth.cases(dataset, "test", root)
    for name in names:
        try:
            volumes.read(name)
            said = "it can be read now; score again"
        except HarnessError as error:
            said = str(error).replace(f"{root}/", "")
        yield doubt("unread-case", f"test case {name} was not read: {said}")


def write(predictions: Segmented, folder: Path, *, name: str = "summary") -> Path:
    """Write the test cases of the shipped variant as NAME.json into `folder`, as nnU-Net does.

    Label k is the k-th class. Ratios without a voxel are NaN and left out of a label's mean; the
    mean of the foreground is the plain one of the labels', NaN where one is. A case without a
    prediction has the counts of an empty one. Raises HarnessError where there is no case, or one
    that was not read.
    """
    table = predictions.select("test")
    unread = table.id[np.isnan(table.columns["fn"]).any(axis=1)].tolist()
    if unread or not len(table):
        got = f"{len(unread)} that were not read, {unread[0]}" if unread else "none"
        raise HarnessError(f"predictions to be written must have counted cases, got {got}")
    labels = [str(k + 1) for k in range(len(table.classes))]
    counts = [
        {label: _counts(table, row, k) for k, label in enumerate(labels)}
        for row in range(len(table))
    ]
    files = [f"{id}.nii.gz" for id in table.id.tolist()]
    cases = [
        {"metrics": each, "prediction_file": file, "reference_file": file}
        for file, each in zip(files, counts, strict=True)
    ]
    means = {label: _means([each[label] for each in counts]) for label in labels}
    names = means[labels[0]]
    foreground = {of: sum(mean[of] for mean in means.values()) / len(labels) for of in names}
    about = {"metric_per_case": cases, "mean": means, "foreground_mean": foreground}
    path = folder / f"{name}.json"
    disk.write(path, json.dumps(about, indent=4, sort_keys=True) + "\n")
    return path


def _counts(table: Segmented, row: int, k: int) -> dict[str, float]:
    tp, fp, fn = (float(np.nan_to_num(table.columns[of][row, k])) for of in ("tp", "fp", "fn"))
    tn = float(table.facts["voxels"][row]) - tp - fp - fn
    numbers = {"TP": tp, "FP": fp, "FN": fn, "TN": tn, "n_pred": tp + fp, "n_ref": tp + fn}
    return {**{of: int(n) for of, n in numbers.items()}, **dict(_summary.ratios(tp, fp, fn))}


def _means(cases: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each number, over the cases that have one; NaN where none has."""
    found = {}
    for of in cases[0]:
        known = [each[of] for each in cases if not math.isnan(each[of])]
        found[of] = sum(known) / len(known) if known else math.nan
    return found
