"""What a verb of the command line is about, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import digests, plan, reading, store
from harness.errors import HarnessError
from harness.plan import EXTERNAL, Run, Selection
from harness.record import Record, read_record
from harness.suite import Suite

Globs = Sequence[Sequence[str] | None]
"""Of dataset, model, seed and device; None or empty means all, of devices `auto`."""
ALL: Globs = (None, None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a verb found: text for people, `data` for --json, and the exit code."""

    text: str
    data: Any
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The selected Runs of a suite, their digests, and where their folders are.

    `asked` is the suite as the user named it. `external` are the folders of predictions made
    elsewhere.
    """

    asked: str
    suite: Suite
    root: Path | None
    place: Path
    runs: tuple[Run, ...]
    known: dict[Run, dict[str, str]] = field(default_factory=dict)
    external: Mapping[Run, Path] = field(default_factory=dict)

    def digests(self, run: Run) -> dict[str, str]:
        """Found out once. Raises HarnessError where the data or a named file is missing."""
        if run not in self.known:
            self.known[run] = digests.digests(self.suite, run, self.root)
        return self.known[run]

    def folder(self, run: Run) -> Path:
        """Only the folder whose fit digest is the plan's, or that of predictions made elsewhere."""
        if run.device == EXTERNAL:
            nowhere = store.run_folder(self.place, run, "absent")
            return self.external.get(run, nowhere)
        return store.run_folder(self.place, run, self.digests(run)["fit"])

    def record(self, run: Run) -> Record | None:
        """The current record of a Run, or None where there is none."""
        path = self.folder(run) / "record.json"
        return read_record(path) if path.is_file() else None

    def command(self, verb: str) -> str:
        """What to type next, with the places that this one was told."""
        flag = "--out" if verb == "run" else "--runs"
        places = f" {flag} {self.place}" if self.place != Path("runs") else ""
        return f"harness {verb}{places}" + (f" --data {self.root}" if self.root else "")


def open_scope(
    name: str,
    globs: Globs,
    root: Path | None,
    place: Path,
    *,
    sets: Sequence[str] | None = None,
    smoke: bool = False,
    baselines: Path | None = None,
) -> Scope:
    """Read the suite and expand the selection.

    Without `sets`, which verbs have that plan or run, it has the predictions made elsewhere too:
    those in `place`, and those accepted in `baselines`. Their device is `external`, which is
    selected unless others are named.
    """
    suite = reading.load(name, sets or (), smoke)
    datasets, models, seeds, devices = (tuple(each or ()) for each in globs)
    folders: dict[Run, Path] = {}
    beside: list[Run] = []
    if sets is None and (not devices or EXTERNAL in devices):
        folders, beside = _external(suite.name, place, baselines)
        devices = tuple(each for each in devices or ("auto",) if each != EXTERNAL)
    else:
        devices = devices or ("auto",)
    selection = Selection(datasets=datasets, models=models, seeds=seeds, devices=devices)
    runs = tuple(plan.expand(suite, selection, beside))
    if not runs:
        raise HarnessError(
            f"the selection must have a Run, got no predictions made elsewhere of it in {place}; "
            f"harness score {name} --predictions FILE"
        )
    return Scope(asked=name, suite=suite, root=root, place=place, runs=runs, external=folders)


def _external(suite: str, place: Path, baselines: Path | None) -> tuple[dict[Run, Path], list[Run]]:
    """The folders that are there, and those Runs with the ones that are accepted only."""
    folders = store.external(place, suite)
    if baselines is None:
        return folders, list(folders)
    from harness.baselines import external

    return folders, list(dict.fromkeys([*folders, *external(baselines, suite)]))
