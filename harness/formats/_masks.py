"""The masks that a report's models make of their test cases, a folder a model, as nnU-Net does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness import segment
from harness.cases import SHIPPED
from harness.datasets._names import ending
from harness.datasets._nifti import write_mask
from harness.errors import HarnessError
from harness.formats import _labels, _tally
from harness.formats._joined import SHOWN
from harness.formats._replaced import replaced
from harness.formats._report import Made, Part, Report, Written
from harness.formats._stored import BESIDE
from harness.segmented import Segmented


def export(report: Report, folder: Path) -> Written:
    """A folder SUITE-DATASET-MODEL-DEVICE-sSEED of each model in `folder`.

    It holds CASE.nii.gz, on the grid that the case is stored on and with the labels of the data's
    masks, and `summary.json` of what was counted of these masks. Raises HarnessError where no model
    is at hand, two have one folder, or a folder holds what is not nnU-Net's, and Unwritable.
    """
    taken: dict[Path, str] = {}
    found: list[Written] = []
    notes: list[str] = []
    for made in report.models():
        if isinstance(made, str):
            notes.append(f"no masks of {made}")
            continue
        run = made.run
        place = folder / "-".join((run.suite, run.dataset, run.model, run.device, run.checkpoint))
        if (other := taken.setdefault(place, run.id)) != run.id:
            raise HarnessError(f"{place} must be of one model, got {other} and {run.id}; --model")
        found.append(_of_model(made, place, report))
    if not found:
        why = notes[0] if notes else "got no model of masks"
        raise HarnessError(f"--to nnunet must have a model whose Run is at hand; {why}")
    return Written(
        paths=[path for each in found for path in each.paths],
        notes=[*notes, *(note for each in found for note in each.notes)],
        missing=[fault for each in found for fault in each.missing],
    )


def _of_model(made: Made, place: Path, report: Report) -> Written:
    """Its folder, once all is written; none where no case can be read."""
    _check_ours(place)
    run, many = made.run, sum(len(part.cases) for part in made.parts)
    classes = made.measured.classes
    values = _labels.values(made.suite.datasets[run.dataset], classes, made.root)
    labels = _labels.written(values, classes)
    tables, missing = [], []
    with replaced(place, lambda: report.progress.say(f"{place}  waiting for another")) as fresh:
        for part, row in ((each, row) for each in made.parts for row in range(len(each.cases))):
            found = _of_case(made, part, row, fresh, labels)
            if isinstance(found, str):
                missing.append(f"no mask of case {part.cases.ids[row]} by {run.id}: {found}")
            else:
                tables.append(found)
            report.progress.written(run.id, len(tables) + len(missing), many)
        if not tables:
            return Written(paths=[], missing=missing)
        whole = Segmented.concatenated(tables)
        _tally.write(whole, fresh / "summary.json", labels)
    return Written(paths=[place], notes=_apart(made, whole), missing=missing)


def _check_ours(place: Path) -> None:
    """Raises HarnessError where a folder that will be replaced holds what nobody wrote here."""
    if place.exists() and not place.is_dir():
        raise HarnessError(f"{place} must be a folder, got a file; move it")
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if not (ending(path) or path.name in BESIDE or path.name.startswith(".")):
            raise HarnessError(
                f"{place} must hold masks alone to be replaced, got {path.name}; move it"
            )


def _of_case(
    made: Made, part: Part, row: int, folder: Path, labels: Sequence[int]
) -> Segmented | str:
    """Write a mask: a table of what was counted of it, or why its case cannot be read."""
    id = str(part.cases.ids[row])
    if Path(id).name != id or id.startswith("."):
        raise HarnessError(f"a case to be written must be named as a file may be, got {id!r}")
    try:
        case = part.cases.read(id)
    except HarnessError as error:
        return str(error)
    mask = part.mask(case)
    write_mask(folder / f"{id}.nii.gz", np.array([0, *labels], np.uint8)[mask], case)
    asked = segment.Asked(metrics=(), empty=made.suite.policy.empty)
    cells = asked.of(case, mask, len(labels))
    facts = {**segment.NOTHING, "voxels": float(mask.size)}
    return segment.table(part.cases.at(np.array([row])), SHIPPED, [cells], [facts], asked)


def _apart(made: Made, now: Segmented) -> list[str]:
    """What to know of masks that are not those that were measured, as far as counts show."""
    rows = {id: row for row, id in enumerate(made.measured.id.astype(str).tolist())}
    then = [rows[id] for id in now.id.astype(str).tolist()]
    other = np.zeros(len(now), dtype=bool)
    for name in ("tp", "fp"):
        other |= (made.measured.columns[name][then] != now.columns[name]).any(axis=1)
    if not other.any():
        return []
    named = now.id[other].astype(str).tolist()
    more = " ..." if len(named) > SHOWN else ""
    return [
        f"{len(named)} of {len(now)} masks of {made.run.id} are not those that were measured, "
        f"{' '.join(named[:SHOWN])}{more}: made on another machine, or by another version; "
        "harness score measures these"
    ]
