"""What a verb of the command line is about, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import plan, reading, store
from harness.plan import Run, Selection
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

    `asked` is the suite as the user named it.
    """

    asked: str
    suite: Suite
    root: Path | None
    place: Path
    runs: tuple[Run, ...]
    known: dict[Run, dict[str, str]] = field(default_factory=dict)

    def digests(self, run: Run) -> dict[str, str]:
        """Found out once. Raises HarnessError where the data or a named file is missing."""
        if run not in self.known:
            self.known[run] = plan.digests(self.suite, run, self.root)
        return self.known[run]

    def folder(self, run: Run) -> Path:
        """Only the folder whose fit digest is the plan's."""
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
    sets: Sequence[str] = (),
    smoke: bool = False,
) -> Scope:
    """Read the suite and expand the selection."""
    suite = reading.load(name, sets, smoke)
    datasets, models, seeds, devices = (tuple(each or ()) for each in globs)
    selection = Selection(
        datasets=datasets, models=models, seeds=seeds, devices=devices or ("auto",)
    )
    runs = tuple(plan.expand(suite, selection))
    return Scope(asked=name, suite=suite, root=root, place=place, runs=runs)
