"""Where the files of a report's records go: a folder a record, named by what it is of."""

import re
from collections.abc import Container, Sequence
from pathlib import Path

from harness.baselines import Entry
from harness.errors import HarnessError

PARTS = ("suite", "dataset", "model", "device")


def places(entries: Sequence[Entry], folder: Path) -> list[Path]:
    """SUITE-DATASET-MODEL-DEVICE-sSEED in `folder`, of each entry in turn.

    Raises HarnessError where two have one folder, as names may have the sign between them.
    """
    taken: dict[Path, str] = {}
    for run in (entry.record.run for entry in entries):
        named = "-".join([*(str(run[part]) for part in PARTS), f"s{run['seed']}"])
        place = folder / safe(named)
        if place in taken:
            raise HarnessError(
                f"{place} must be of one model, got {taken[place]} and {run['id']}; name one by "
                "--model or --dataset"
            )
        taken[place] = str(run["id"])
    return list(taken)


def safe(name: str) -> str:
    """A name that a file may have everywhere."""
    return re.sub("[^A-Za-z0-9._-]+", "-", name)


def free(name: str, taken: Container[str]) -> str:
    """The name, or with "_2" and so on the first that is not taken."""
    number = 1
    while (wanted := name if number == 1 else f"{name}_{number}") in taken:
        number += 1
    return wanted


def failed(entries: Sequence[Entry], what: str) -> list[str]:
    """A sentence for each record without numbers."""
    records = [entry.record for entry in entries if entry.record.status == "failed"]
    return [f"no {what} of {record.run['id']}: {record.fault}" for record in records]
