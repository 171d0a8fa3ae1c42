"""Asking seismometer about projects, in a process of its own."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.seismometry.project import Project

INSTALL = (
    "no audit is drawn, as seismometer is not installed: pip install 'imaging-harness[seismometer]'"
    ", and the same command again"
)

Answer = dict[str, Any]
"""What `_worker` found of a project: "cohorts" and "targets", or "error"."""


def installed() -> bool:
    """Whether seismometer is there; it is not imported. A folder of that name is no package."""
    found = importlib.util.find_spec("seismometer")
    return found is not None and found.origin is not None


def ask(projects: Sequence[Project], begun: Callable[[Project], None]) -> list[Answer]:
    """What seismometer says of each project that is written; `begun` is told of each in turn.

    Raises HarnessError where it ends before its time.
    """
    with tempfile.TemporaryDirectory(prefix="harness-seismometer-") as place:
        outs = [Path(place) / f"{k}.json" for k in range(len(projects))]
        jobs = [_job(found, out) for found, out in zip(projects, outs, strict=True)]
        log = Path(place) / "log"
        code = _run(jobs, projects, begun, log)
        if code or not all(out.is_file() for out in outs):
            last = (log.read_text(encoding="utf-8", errors="replace").split("\n") or [""])[-2:]
            raise HarnessError(
                f"seismometer must answer of each of {len(projects)} projects, got code {code}: "
                f"{' '.join(last).strip()}; the projects are written, open their notebooks"
            )
        return [json.loads(out.read_text(encoding="utf-8")) for out in outs]


def _run(
    jobs: Sequence[dict[str, Any]],
    projects: Sequence[Project],
    begun: Callable[[Project], None],
    log: Path,
) -> int:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.seismometry._worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(),
        )
        with process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("pipes")
            json.dump(jobs, process.stdin)
            process.stdin.close()
            for line in process.stdout:
                begun(projects[int(line)])
    return process.returncode


def _environment() -> dict[str, str]:
    """This one's, without a screen."""
    import os

    return {**os.environ, "MPLBACKEND": "Agg"}


def _job(found: Project, out: Path) -> dict[str, Any]:
    """Each cohort has a drawing of its own where there is one target: else they are too many."""
    return {
        "folder": str(found.folder.resolve()),
        "out": str(out),
        "thresholds": [found.highlighted],
        "each_cohort": len(found.targets) == 1,
        "targets": [
            {"event": each.event, "score": each.score, "decided": each.decided}
            for each in found.targets
        ],
    }
