"""Where Runs live on disk: one folder each, which remembers the steps that are done."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.disk import write_json
from harness.errors import HarnessError
from harness.plan import EXTERNAL, Run


def run_folder(runs: Path, run: Run, fit_digest: str) -> Path:
    """`runs/SUITE/DATASET/MODEL/DEVICE/sSEED[fFOLD]-DIGEST`: another fit is another folder."""
    name = f"{run.checkpoint}-{fit_digest[:8]}"
    return runs / run.suite / run.dataset / run.model / run.device / name


def external(runs: Path, suite: str) -> dict[Run, Path]:
    """The folders of predictions made elsewhere that have a record, by name.

    Raises HarnessError where two of one name have: nobody can say which is meant.
    """
    found: dict[Run, Path] = {}
    for record in sorted((runs / suite).glob(f"*/*/{EXTERNAL}/s0-*/record.json")):
        folder = record.parent
        dataset, model, device = folder.parts[-4:-1]
        run = Run(suite=suite, dataset=dataset, model=model, device=device, seed=0)
        if run in found:
            raise HarnessError(
                f"{run.id} must have one record, got {found[run].name} and {folder.name}; delete "
                "one of them, or harness score again"
            )
        found[run] = folder
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """`run.json`: which steps of one Run are done, with which digest, and what they found."""

    folder: Path
    run: Run
    steps: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, folder: Path, run: Run) -> "State":
        """What an earlier process left behind, or nothing; a broken file counts as nothing."""
        try:
            steps = json.loads((folder / "run.json").read_text(encoding="utf-8"))["steps"]
            whole = all(
                facts["digest"] and None not in facts["files"].values() for facts in steps.values()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            whole = False
        return cls(folder, run, steps if whole else {})

    def done(self, step: str, digest: str) -> dict[str, Any] | None:
        """What `step` found, if it was done with this digest and its files are still there."""
        facts = self.steps.get(step)
        if facts is None or facts["digest"] != digest:
            return None
        there = all(_size(self.folder / name) == size for name, size in facts["files"].items())
        return facts if there else None

    def finish(self, step: str, digest: str, files: list[str], facts: Mapping[str, Any]) -> None:
        """Note that `step` is done; its `files`, in the folder, are written already."""
        sizes = {name: (self.folder / name).stat().st_size for name in files}
        self.steps[step] = {"digest": digest, "files": sizes, **facts}
        run = dataclasses.asdict(self.run)
        write_json(self.folder / "run.json", {"run": run, "steps": self.steps})


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
