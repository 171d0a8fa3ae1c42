"""For whom one model works: its first metric by group and by size, and how far each is off."""

from collections import Counter

from harness.record import Measurement
from harness.report import _cells, _fair, _words
from harness.report._blocks import Cell, Column
from harness.report._fair import ALIKE, MINUS, P, Told
from harness.report._view import Line
from harness.standings import Standing
from harness.volumes import SIZE

_PART = Column(label="Part", numeric=False, names_row=True)
_VALUE = Column(label="Value")
_WHY = Column(label="In plain words", numeric=False, prose=True)


def lines(standing: Standing, sized: bool) -> list[Line]:
    """Groups, or sizes of what is segmented: the first metric of each, and how far it is off.

    Of pairs of groups those that are told apart; `pairs` counts the others.
    """
    rows = [row for row in standing.rows if row.kind != "ratio" and _is_part(row, sized)]
    shown = [row for row in rows if row.metric == standing.metric or "bin" in row.where]
    return [
        _part(row, standing) for row in shown if len(row.where) == 1 or _told(row, standing).claimed
    ]


def pairs(standing: Standing) -> str:
    """In a sentence, what is said of the pairs of groups that have no line."""
    found = [one for one in _fair.told(standing, standing.metric) if len(one.where) > 1]
    words = Counter(one.words for one in found if not one.claimed)
    if not words:
        return ""
    said = ", ".join(f"{count} {each}" for each, count in words.items())
    return f"Pairs of groups that have no line here, by {_words.label(standing.metric)}: {said}."


def _is_part(row: Measurement, sized: bool) -> bool:
    size = row.where.keys() == {f"group.{SIZE}"} or _is_lesion_size(row)
    return size if sized else not size and (_fair.of_groups(row) or row.where.keys() == {"gap"})


def _is_lesion_size(row: Measurement) -> bool:
    return row.where.keys() == {"bin"} and row.metric.startswith("lesion")


def _told(row: Measurement, standing: Standing) -> Told:
    return Told(where=row.where, value=row, apart=_fair.rest(standing, row), ratio=None)


def _part(row: Measurement, standing: Standing) -> Line:
    told = _told(row, standing)
    named = _named(row, standing)
    return {
        _PART: Cell(text=named, detail=_words.label(row.metric), sort=named),
        _VALUE: _cells.measured(row),
        _WHY: _cells.text(_of_part(told)),
        _cells.N: _cells.counted(row),
        MINUS: _cells.measured(told.apart),
        P: _cells.chance(told.apart.p if told.apart else None),
    }


def _named(row: Measurement, standing: Standing) -> str:
    if "gap" in row.where:
        return f"largest gap by {row.where['gap']}"
    if "bin" in row.where:
        return f"lesions of {row.where['bin']} ml"
    return _fair.name(standing, row.where)


def _of_part(told: Told) -> str:
    """What the numbers of a part say; one that is too small is never called fair."""
    if told.value.value is None:
        return f"Not known, which is not fair: {told.value.reason}."
    if "gap" in told.where:
        return "Between the part that does best and the one that does worst; chance makes some gap."
    if told.apart is None:
        return "Hold its interval against that of all cases before its value: small parts scatter."
    more = " That is not the same as equal." if told.words == ALIKE else ""
    return f"{told.words.capitalize()}.{more}"
