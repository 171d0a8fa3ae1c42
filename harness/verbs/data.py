"""`data`: the published files that a suite's datasets need, fetched or verified."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import remote, shelf
from harness.progress import Progress
from harness.remote import Remote
from harness.suite import Dataset, Suite
from harness.text import columns
from harness.verbs._scope import Answer, Scope


def fetch(scope: Scope, *, quiet: bool) -> Answer:
    """Verify the files that are there, then download the others; the code is 130 after Ctrl-C.

    Raises HarnessError for a wrong checksum or a failed download.
    """
    files = _needed(scope)
    before = {file: remote.find(scope.root, file) for _, file in files if file}
    progress = Progress(quiet)
    try:
        bring(before, scope.root, progress)
    except KeyboardInterrupt:
        progress.warn("interrupted; the same command goes on where it stopped")
        return Answer(text="", data={"files": [], "code": 130}, code=130)
    finally:
        progress.close()
    return _answer(
        [
            _row(name, file, "fetched" if file and before[file] is None else "ok", scope.root)
            for name, file in files
        ]
    )


def verify(scope: Scope) -> Answer:
    """Which files are there and right. Downloads nothing; the code is 2 unless all are."""
    return _answer([_row(name, file, "ok", scope.root) for name, file in _needed(scope)])


def bring(files: Iterable[Remote], root: Path | None, progress: Progress) -> None:
    """Verify the files that are there, then download the others.

    Raises HarnessError at the first one that is wrong or does not come.
    """
    places = {file: remote.find(root, file) for file in files}
    for file, path in places.items():
        if path is not None:
            remote.verify(path, file)
    for file in (file for file, path in places.items() if path is None):
        waiting = f"{file.name}  waiting for another process"
        remote.fetch(
            file,
            remote.destination(root, file),
            functools.partial(progress.received, file.name),
            functools.partial(progress.say, waiting),
        )


def remotes(dataset: Dataset) -> tuple[Remote, ...]:
    """The published files of a dataset: none unless its reader says so."""
    found = getattr(shelf.load("datasets", dataset.load), "remotes", None)
    files: tuple[Remote, ...] = found(**dataset.args) if found else ()
    return files


def with_tested(suite: Suite, names: Iterable[str]) -> list[str]:
    """These datasets, and those that models trained on them are measured on too."""
    pairs = ((name, *suite.datasets[name].test_on) for name in names)
    return list(dict.fromkeys(name for pair in pairs for name in pair))


def _needed(scope: Scope) -> list[tuple[str, Remote | None]]:
    """Each selected dataset with each of its files; with None if it needs none."""
    names = with_tested(scope.suite, (run.dataset for run in scope.runs))
    return [
        (name, file) for name in names for file in remotes(scope.suite.datasets[name]) or (None,)
    ]


def _row(dataset: str, file: Remote | None, right: str, root: Path | None) -> dict[str, Any]:
    """What there is of a file; its status is `right` if its checksum is."""
    if file is None:
        return {"dataset": dataset, "file": None, "status": "no file needed"}
    path = remote.find(root, file)
    md5 = remote.checksum(path) if path else None
    return {
        "dataset": dataset,
        "file": file.name,
        "status": "missing" if path is None else right if md5 == file.md5 else "wrong",
        "path": path and str(path),
        "md5": md5,
        "published": {"url": file.url, "md5": file.md5},
    }


def _answer(rows: list[dict[str, Any]]) -> Answer:
    code = 2 if {"missing", "wrong"} & {row["status"] for row in rows} else 0
    lines = [[row["dataset"], row["file"] or "-", row["status"], _where(row)] for row in rows]
    return Answer(text=columns(lines), data={"files": rows, "code": code}, code=code)


def _where(row: dict[str, Any]) -> str:
    if row["status"] == "missing":
        return str(row["published"]["url"])
    if row["status"] == "wrong":
        return f"{row['path']} has MD5 {row['md5']} instead of {row['published']['md5']}"
    return str(row.get("path", ""))
