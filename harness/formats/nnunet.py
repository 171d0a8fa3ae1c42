"""nnU-Net's predictions: a folder of masks, or the `summary.json` of what was counted of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import segment, truth
from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.formats import _labels, _masks, _stored, _summary, _tally
from harness.formats._joined import SHOWN
from harness.formats._report import Report, Written
from harness.formats._stored import Stored
from harness.formats._summary import Summary
from harness.guards.evidence import Doubt, doubt
from harness.score import FALSE_ALARM, MISSED
from harness.segment import Asked
from harness.segmented import Segmented
from harness.suite import Suite
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
    ids, classes = volumes.ids.astype(str).tolist(), volumes.classes
    values = _labels.values(dataset, classes, root)
    always = [spec for spec in (MISSED, FALSE_ALARM) if spec not in suite.metrics]
    asked = Asked(
        metrics=(*suite.metrics, *always),
        empty=suite.policy.empty,
        sizes=dataset.groups.get(SIZE, ()),
    )
    if path.is_dir():
        return Stored(masks=_stored.masks(path, ids), values=values, asked=asked)
    cases = _summary.parse(path, ids)
    told = {key for each in cases.values() if isinstance(each, Mapping) for key in each}
    return Summary(
        path=path,
        cases=cases,
        keys=[_labels.key(values, k, told) for k in range(1, len(classes) + 1)],
        asked=asked,
        beyond=_summary.untold(asked.metrics),
    )


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
    return segment.table(volumes, SHIPPED, rows, facts, found.asked)


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


def write(
    predictions: Segmented, folder: Path, *, name: str = "summary", labels: Sequence[int] = ()
) -> Path:
    """Write the test cases of the shipped variant as NAME.json into `folder`, as nnU-Net does.

    Label k is the k-th class, or the k-th of `labels`. Ratios without a voxel are NaN and left out
    of a label's mean; the mean of the foreground is the plain one of the labels', NaN where one is.
    A case without a prediction has the counts of an empty one. Raises HarnessError where there is
    no case, or one that was not read.
    """
    path = folder / f"{name}.json"
    named = labels or range(1, len(predictions.classes) + 1)
    _tally.write(predictions.select("test"), path, named)
    return path


def export(report: Report, folder: Path) -> Written:
    """Write the masks that a report's models make of their test cases, a folder a model.

    `read` reads each back, and its summary. Raises HarnessError as `_masks.export` does.
    """
    return _masks.export(report, folder)
