"""In a line or a sentence: who of a model's groups is told apart, and how wide its gaps are."""

from harness.record import Measurement
from harness.report import _cells, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._fair import Told, classes, name, told
from harness.report._view import Group, Line, find
from harness.standings import Standing

WORD = Column(label="In words", numeric=False)
_MOST = 6


def summary(group: Group, standing: Standing) -> Line:
    """One model among others: the gaps of the ranking metric, and how many are told apart."""
    gaps = [
        r for _, r in group.rows(lambda r: r.metric == group.metric and r.where.keys() == {"gap"})
    ]
    by = list(dict.fromkeys(row.where["gap"] for row in gaps))
    label = _words.label(group.metric)
    return {
        MODEL: _cells.text(standing.model),
        **{
            Column(label=f"{label}, gap by {column}", better="lower"): gap(
                find(standing, group.metric, {"gap": column})
            )
            for column in by
        },
        WORD: _cells.text(claims(standing).partition(":")[0]),
    }


def compared(standing: Standing) -> list[str]:
    """What groups were compared by, the ranking metric first."""
    rows = [row.metric for row in standing.rows if row.where.get("against") == "rest"]
    return sorted(dict.fromkeys(rows), key=lambda metric: metric != standing.metric)


def _every(standing: Standing) -> list[Told]:
    return [
        one
        for metric in compared(standing)
        for of_class in ("", *classes(standing, metric))
        for one in told(standing, metric, of_class)
    ]


def claims(standing: Standing) -> str:
    """Who is told apart, and of how many comparisons."""
    tested = [one for one in _every(standing) if one.apart is not None and one.apart.p is not None]
    found = [one for one in tested if one.claimed]
    of = f"of {len(tested)} comparisons with the rest"
    if not tested:
        return "No group is large enough to be compared."
    if not found:
        return f"None {of} is told apart."
    said = [
        f"{name(standing, o.where)} ({_words.label(o.value.metric)} {o.words})"
        for o in found[:_MOST]
    ]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    are = "is" if len(found) == 1 else "are"
    return f"{len(found)} {of} {are} told apart: {'; '.join(said)}{more}."


def gap(row: Measurement | None) -> Cell:
    """A gap, and between whom it is."""
    cell = _cells.measured(row)
    between = (
        (row.method or "").partition(";")[0] if row is not None and row.value is not None else ""
    )
    return Cell(
        text=cell.text,
        interval=cell.interval,
        detail=between.rpartition("seeds, ")[2],
        sort=cell.sort,
        title=cell.title,
        notes=cell.notes,
        tone=cell.tone,
    )
