"""`report --seismometer`: a project of seismometer a model, and its audit as a page beside."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import disk
from harness.aggregate import policy_of
from harness.baselines import Entry
from harness.errors import HarnessError
from harness.formats._places import places
from harness.progress import Progress
from harness.seismometry import drawing
from harness.seismometry._compared import TOLERANCE
from harness.seismometry.page import apart, page
from harness.seismometry.project import Project, project, write
from harness.verbs._predicted import first, predicted

Model = tuple[str, str]
"""Suite and model."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """Folders of projects, pages of those that were drawn, and what people should know.

    failed: sentences of what could not be drawn although seismometer is there.
    """

    folders: tuple[Path, ...] = ()
    pages: Mapping[Path, tuple[Model, str]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def links(self, folder: Path) -> dict[Model, list[tuple[str, str]]]:
        """Model -> address and title of each of its audits, seen from a page in `folder`."""
        found: dict[Model, list[tuple[str, str]]] = {}
        for path, (model, title) in self.pages.items():
            address = quote(Path(os.path.relpath(path, folder)).as_posix())
            found.setdefault(model, []).append((address, f"Seismometer's audit: {title}"))
        return found

    @property
    def told(self) -> list[str]:
        """Lines for people."""
        return [*map(str, self.pages or self.folders), *self.notes, *self.failed]

    @property
    def data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "projects": [str(path) for path in self.folders],
            "audits": [str(path) for path in self.pages],
            "notes": [*self.notes],
            "failed": [*self.failed],
        }


def audited(entries: Sequence[Entry], root: Path | None, place: Path, folder: Path) -> Audited:
    """Write into `folder` a project of each classification model whose predictions are at hand.

    The first seed of each. With seismometer installed, also FOLDER.html beside FOLDER. Raises
    HarnessError where no project can be written, with the first reason, and Unwritable.
    """
    wanted = first(entries)
    told = zip(wanted, places(wanted, folder), predicted(wanted, root, place), strict=True)
    models: dict[Path, Model] = {}
    projects, without = [], []
    for entry, where, found in told:
        about = entry.record.run
        if isinstance(found, str):
            without.append(f"no project of {found}")
            continue
        title = f"{about['model']} on {about['dataset']}, {about['device']}, seed {about['seed']}"
        made = project(found, where, title, policy_of(entry.record))
        write(made)
        _page_of(made).unlink(missing_ok=True)
        projects.append(made)
        models[where] = str(about["suite"]), str(about["model"])
    if not projects:
        why = without[0] if without else "got no record of a classification model"
        raise HarnessError(f"--seismometer must have a model whose predictions are at hand; {why}")
    drawn, notes, failed = _drawn(projects)
    return Audited(
        folders=tuple(each.folder for each in projects),
        pages={_page_of(each): (models[each.folder], each.title) for each in drawn},
        notes=(*without, *notes),
        failed=tuple(failed),
    )


def _drawn(projects: Sequence[Project]) -> tuple[list[Project], list[str], list[str]]:
    """Projects that have a page now; what to know of them; and what went wrong."""
    if not drawing.installed():
        return [], [drawing.INSTALL], []
    progress = Progress()
    try:
        answers = drawing.ask(projects, lambda each: progress.step(each.title, "seismometer"))
    except HarnessError as error:
        return [], [], [str(error)]
    finally:
        progress.close()
    drawn, failed, differences = [], [], []
    for found, answer in zip(projects, answers, strict=True):
        if "error" in answer:
            failed.append(f"no audit of {found.title}: seismometer says {answer['error']}")
            continue
        try:
            text = page(found, answer)
        except ValueError as error:
            failed.append(f"no audit of {found.title}: {error}")
            continue
        disk.write(_page_of(found), text)
        drawn.append(found)
        differences.append(apart(found, answer))
    return drawn, _compared(differences), failed


def _compared(differences: Sequence[tuple[float, int]]) -> list[str]:
    """Whether seismometer and the harness say the same."""
    if not differences:
        return []
    largest, count = max(each for each, _ in differences), sum(n for _, n in differences)
    agree = "agree" if largest <= TOLERANCE else "do not agree"
    return [
        f"seismometer and the harness {agree} in {count} numbers of AUROC, sensitivity, "
        f"specificity, PPV and accuracy: they are at most {largest:.2g} apart"
    ]


def _page_of(found: Project) -> Path:
    return found.folder.with_name(f"{found.folder.name}.html")
