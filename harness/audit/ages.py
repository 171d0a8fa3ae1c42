"""Ages that nobody has, and ages that are no plain numbers of years."""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from harness.audit.collected import Collected, Texts
from harness.audit.finding import Finding, count
from harness.audit.words import is_unknown, quoted, tally, words

OLDEST = 122
"""Years; nobody is known to have lived longer."""
UNITS = {"Y": ("years", 1.0), "M": ("months", 12.0), "W": ("weeks", 52.18), "D": ("days", 365.25)}
"""How DICOM's age strings end (PS3.5, value representation AS), and how many make a year."""
_AGE = re.compile(r"([+-]?\d+(?:\.\d*)?) *([a-z]?)[a-z]*", re.IGNORECASE)
ZEROS = 2
"""From so many ages of exactly 0 on, 0 may stand for unknown."""


def ages(data: Collected) -> Iterator[Finding]:
    """Of each column whose name has the word age."""
    for name, column in data.columns.items():
        if "age" in words(name):
            yield from _column(data, name, column)


def years(text: str) -> tuple[float, str] | None:
    """An age and its unit, "" where there is none; None for what is no age."""
    match = _AGE.fullmatch(text.strip())
    unit = match[2].upper() if match else "?"
    if match is None or (unit and unit not in UNITS):
        return None
    return float(match[1]) / (UNITS[unit][1] if unit else 1.0), unit


def plain(data: Collected) -> Mapping[str, Texts]:
    """All columns, ages as plain numbers of years where most are ages; "" in place of others."""
    return {
        name: _years(column) if "age" in words(name) else column
        for name, column in data.columns.items()
    }


def _years(column: Texts) -> Texts:
    read = [years(text) for text in column.tolist()]
    known = sum(not is_unknown(text) for text in column.tolist())
    if 2 * sum(each is not None for each in read) <= known:
        return column
    return np.array(["" if each is None else f"{each[0]:.4g}" for each in read])


def _column(data: Collected, name: str, column: Texts) -> Iterator[Finding]:
    read = [None if is_unknown(text) else years(text) for text in column.tolist()]
    known = np.array([not is_unknown(text) for text in column.tolist()])
    value = np.array([each[0] if each else np.nan for each in read])
    unit = np.array([each[1] if each else "" for each in read])
    wrong = np.flatnonzero((value < 0) | (value > OLDEST))
    if len(wrong):
        yield Finding(
            severity="fault",
            code="impossible-age",
            message=f"{tally(len(wrong), name, 'is no age that', 'are no ages that')} anybody has: "
            f"{quoted(data, name, wrong)}; mend it, or leave it empty",
            cases=data.named(wrong),
        )
    other = np.flatnonzero(known & np.isnan(value))
    if len(other):
        yield Finding(
            severity="fault",
            code="no-age",
            message=f"{tally(len(other), name, 'is no age', 'are no ages')}: "
            f"{quoted(data, name, other)}; write years, or leave it empty",
            cases=data.named(other),
        )
    if (unit != "").any():
        yield _units(data, name, unit)
    zero = np.flatnonzero(value == 0)
    if len(zero) >= ZEROS:
        yield Finding(
            severity="warning",
            code="age-zero",
            message=f"{tally(len(zero), name, 'is 0', 'are 0')}: newborns, or unknown",
            cases=data.named(zero),
        )


def _units(data: Collected, name: str, unit: Texts) -> Finding:
    """Bands take plain numbers, and not all units may be the same."""
    parts = []
    for letter, (what, _) in UNITS.items():
        rows = np.flatnonzero(unit == letter)
        if len(rows):
            told = quoted(data, name, rows if letter != "Y" else rows[:1])
            parts.append(f"{len(rows):,} in {what}, as {told}")
    rare = np.flatnonzero((unit != "") & (unit != "Y"))
    shown = rare if len(rare) else np.flatnonzero(unit != "")
    bare = int(np.count_nonzero(unit == ""))
    return Finding(
        severity="warning",
        code="age-unit",
        message=f"{count(len(unit) - bare, 'age')} of {len(unit):,} in {name!r} have a unit: "
        f"{'; '.join(parts)}; write all in years as numbers, as bands of groups take them",
        cases=data.named(shown),
    )
