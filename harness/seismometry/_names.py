"""Names that seismometer and matplotlib take as they are: of columns, events and values."""

import dataclasses
import re
from collections.abc import Iterable

from harness.metrics._counts import positives
from harness.predictions import Predictions

OWN = ("Id", "Case", "Time", "Type", "EventTime", "Value", "Cohort", "Class", "Count", "cohort")
"""Columns of the tables themselves, and names that seismometer gives."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Class `k` against the rest: the event that is true, and the columns of what was said of it.

    `score` is its probability; `decided` 0 or 1, as the harness decides.
    """

    k: int
    event: str
    score: str
    decided: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A group column: what the data calls it, the column in the file, what seismometer shows."""

    group: str
    source: str
    shown: str


def targets(table: Predictions) -> list[Target]:
    """What counts as positive, one at a time, as in the metrics: of two classes the second."""
    taken = set(OWN)
    named = {k: _free(named_column(table.classes[k]), taken) for k in positives(table)}
    return [
        Target(
            k=k,
            event=event,
            score=_free(f"probability_{event}", taken),
            decided=_free(f"decided_{event}", taken),
        )
        for k, event in named.items()
    ]


def columns(groups: Iterable[str], made: Iterable[Target]) -> list[Column]:
    """The group columns, called as no other column is."""
    taken = {*OWN, *(name for each in made for name in (each.event, each.score, each.decided))}
    return [
        Column(
            group=group,
            source=_free(f"group_{named_column(group)}", taken),
            shown=_free(named_column(group), taken),
        )
        for group in groups
    ]


def named_column(name: str) -> str:
    """Without what has a meaning in a column's name: a part `Time` makes it a date."""
    lowered = re.sub("Time|Value|Count", lambda found: found[0].lower(), plain(name))
    return re.sub(r"[^\w .+()-]+", "-", lowered)


def plain(value: str) -> str:
    """Without what is read as a formula (matplotlib) or a tag, and the `_` that hides a legend."""
    untagged = re.sub("<(?=[A-Za-z/!?])", "< ", value.replace("$", "-").replace("&", "+"))
    return untagged.lstrip("_").strip() or "unnamed"


def _free(name: str, taken: set[str]) -> str:
    """The name, or with the first number that makes it a new one."""
    several = (f"{name} {count}" for count in range(2, len(taken) + 3))
    found = next(each for each in (name, *several) if each not in taken)
    taken.add(found)
    return found
