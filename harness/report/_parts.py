"""For whom one model works: its first metric by group and by size, and how far each is off."""

from harness.record import Measurement
from harness.report import _cells, _limits, _numbers, _words
from harness.report._blocks import Cell, Column
from harness.report._fair import ALIKE, Told
from harness.report._view import Line, find
from harness.standings import Standing
from harness.volumes import SIZE

_PART = Column(label="Part", numeric=False, names_row=True)
_REST = Column(label="Minus the rest", explain="The part's value minus that of all other cases.")
_P = Column(label="p", explain="Of the difference, adjusted for all that were tested with it.")
_VALUE = Column(label="Value")
_N = Column(label="n", explain="How many the number is over.")
_WHY = Column(label="In plain words", numeric=False)


def lines(standing: Standing, sized: bool) -> list[Line]:
    """Groups, or sizes of what is segmented: the first metric of each, and how far it is off."""
    rows = [row for row in standing.rows if row.kind != "ratio" and _is_part(row, sized)]
    shown = [row for row in rows if row.metric == standing.metric or "bin" in row.where]
    return [_part(row, standing) for row in shown]


def _is_part(row: Measurement, sized: bool) -> bool:
    size = row.where.keys() == {f"group.{SIZE}"} or _is_lesion_size(row)
    return size if sized else not size and (_limits.of_group(row) or row.where.keys() == {"gap"})


def _is_lesion_size(row: Measurement) -> bool:
    return row.where.keys() == {"bin"} and row.metric.startswith("lesion")


def _part(row: Measurement, standing: Standing) -> Line:
    rest = find(standing, row.metric, {**row.where, "against": "rest"})
    p = rest.p if rest else None
    return {
        _PART: Cell(text=_named(row), detail=_words.label(row.metric), sort=_named(row)),
        _VALUE: _cells.measured(row),
        _WHY: _cells.text(_of_part(row, rest)),
        _N: _cells.count(row.n),
        _REST: _cells.measured(rest),
        _P: Cell() if p is None else Cell(text=_numbers.chance(p), sort=p),
    }


def _named(row: Measurement) -> str:
    if "gap" in row.where:
        return f"largest gap by {row.where['gap']}"
    if "bin" in row.where:
        return f"lesions of {row.where['bin']} ml"
    return _limits.part(row) + (" ml" if row.where.keys() == {f"group.{SIZE}"} else "")


def _of_part(row: Measurement, rest: Measurement | None) -> str:
    """What the numbers of a part say; one that is too small is never called fair."""
    if row.value is None:
        return f"Not known, which is not fair: {row.reason}."
    if "gap" in row.where:
        return "Between the part that does best and the one that does worst; chance makes some gap."
    if rest is None:
        return "Hold its interval against that of all cases before its value: small parts scatter."
    words = Told(where=row.where, value=row, apart=rest, ratio=None).words
    more = " That is not the same as equal." if words == ALIKE else ""
    return f"{words.capitalize()}.{more}"
