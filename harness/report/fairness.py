"""Who is told apart: each group against all other cases, tested, and how far groups are apart."""

from collections.abc import Iterator
from itertools import groupby

from harness.disparity import ODDS, OPPORTUNITY
from harness.fairness import PREVALENCE
from harness.record import Measurement, Where
from harness.report import _cells, _numbers, _words
from harness.report._blocks import MODEL, Cell, Column, Figure
from harness.report._fair import SMALL, Told, columns, name, told
from harness.report._forest import Branch, forest
from harness.report._view import Group, Line, View, find, joined
from harness.standings import Standing

_LEAD = (
    "Each group of test cases, and each pair of groups, against all other cases. An interval is of "
    "one comparison; p is adjusted (Holm) for all that are made of a model on a data set, so that "
    "where there is no gap, one is claimed of at most one model in twenty. Only where p is below "
    "0.05 a group is told apart. Not told apart is not equal: the interval says how large a gap "
    "may hide. A group that is too small is never called fair."
)
_GROUP = Column(label="Group", numeric=False, names_row=True)
_N = Column(label="n", explain="How many the group has.")
_MINUS = Column(label="Minus the rest", explain="The group's value minus that of all other cases.")
_OVER = Column(label="Over the rest", explain="The group's value over that of all other cases.")
_P = Column(
    label="p, adjusted",
    explain="The chance of such a difference were there none, by Holm over all that are tested.",
)
_COMMON = Column(label=_words.label(PREVALENCE), explain=_words.explain(PREVALENCE))
_WORD = Column(label="In words", numeric=False)
_BY = Column(label="Groups by", numeric=False, names_row=True)
_MOST = 6


def section(view: View) -> str:
    """A topic for each dataset with groups; tables of every group where it is of one model."""
    return view.chapter("Fairness", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    known = [s for s in group.standings if any(_metrics(s))]
    if not known:
        return ""
    if len(group.standings) > 1:
        return view.table(f"Gaps of {group.dataset}", [_summary(group, s) for s in known])
    return _of_model(view, known[0])


def _metrics(standing: Standing) -> list[str]:
    """What groups were compared by, the ranking metric first."""
    rows = [row.metric for row in standing.rows if row.where.get("against") == "rest"]
    return sorted(dict.fromkeys(rows), key=lambda metric: metric != standing.metric)


def _summary(group: Group, standing: Standing) -> Line:
    """One model among others: the gaps of the ranking metric, and who is told apart."""
    gaps = [
        r for _, r in group.rows(lambda r: r.metric == group.metric and r.where.keys() == {"gap"})
    ]
    by = list(dict.fromkeys(row.where["gap"] for row in gaps))
    label = _words.label(group.metric)
    return {
        MODEL: _cells.text(standing.model),
        **{
            Column(label=f"{label}, gap by {column}", better="lower"): _gap(
                find(standing, group.metric, {"gap": column})
            )
            for column in by
        },
        _WORD: _cells.text(_claims(standing)),
    }


def _gap(row: Measurement | None) -> Cell:
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


def _every(standing: Standing) -> list[Told]:
    return [one for metric in _metrics(standing) for one in told(standing, metric)]


def _claims(standing: Standing) -> str:
    """Who is told apart, and of how many comparisons."""
    tested = [one for one in _every(standing) if one.apart is not None and one.apart.p is not None]
    found = [one for one in tested if one.claimed]
    of = f"of {len(tested)} comparisons with the rest"
    if not tested:
        return "No group is large enough to be compared."
    if not found:
        return f"None {of} is told apart."
    said = [f"{name(o.where)} ({_words.label(o.value.metric)} {o.words})" for o in found[:_MOST]]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    are = "is" if len(found) == 1 else "are"
    return f"{len(found)} {of} {are} told apart: {'; '.join(said)}{more}."


def _of_model(view: View, standing: Standing) -> str:
    metrics = _metrics(standing)
    tables = [_table(view, standing, metric) for metric in metrics]
    figures = view.figures([f for f in _figures(standing, metrics[0]) if f])
    gaps = view.table(f"Largest gaps of {standing.dataset}", list(_gaps(standing, metrics)))
    words = view.paragraph(_claims(standing)), view.paragraph(_too_small(standing, metrics[0]))
    return joined(*words, figures, *tables, gaps)


def _too_small(standing: Standing, metric: str) -> str:
    small = [one for one in told(standing, metric) if one.words == SMALL]
    if not small:
        return ""
    said = ", ".join(f"{name(one.where)} (n = {one.value.n})" for one in small[: 2 * _MOST])
    more = f" and {len(small) - 2 * _MOST} more" if len(small) > 2 * _MOST else ""
    return f"Too small to tell, which is neither fair nor unfair: {said}{more}."


def _table(view: View, standing: Standing, metric: str) -> str:
    lines = [_line(standing, one) for one in told(standing, metric)]
    label = f"{_words.label(metric)} of {standing.dataset} by group"
    return joined(view.paragraph(f"{_words.label(metric)}:"), view.table(label, lines))


def _line(standing: Standing, one: Told) -> Line:
    p = one.apart.p if one.apart is not None else None
    return {
        _GROUP: _cells.text(name(one.where)),
        _WORD: Cell(text=one.words, sort=one.words, notes=_notes(one), tone=_tone(one)),
        _N: _cells.count(one.value.n),
        _cells.column(one.value): _cells.marked(one.value, standing),
        _MINUS: _cells.measured(one.apart) if one.apart and one.apart.value is not None else Cell(),
        _OVER: _cells.measured(one.ratio),
        _P: Cell() if p is None else Cell(text=_numbers.chance(p), sort=p),
        _COMMON: _cells.measured(find(standing, PREVALENCE, one.where)),
    }


def _notes(one: Told) -> tuple[str, ...]:
    """Why there is no difference, where the value is there."""
    if one.value.value is None or one.apart is None:
        return ()
    if one.apart.value is None:
        return (f"Undefined: {one.apart.reason}",)
    return (str(one.apart.method),) if one.apart.p is None else ()


def _tone(one: Told) -> str:
    return "quiet" if one.value.value is None else ""


def _figures(standing: Standing, metric: str) -> Iterator[Figure | None]:
    """One drawing for each column, and for each pair of columns."""
    overall = find(standing, metric)
    label = _words.label(metric)
    for by, each in groupby(told(standing, metric), key=lambda one: columns(one.where)):
        branches = [_branch(one) for one in each]
        said = [f"{b.name}: {b.words}" for b in branches]
        yield forest(
            f"{label} by {by}",
            "; ".join(said),
            branches,
            f"{label} {_cells.column(overall).arrow}".strip() if overall else label,
            overall.value if overall else None,
        )


def _branch(one: Told) -> Branch:
    short = ", ".join(one.where.values())
    known = one.value.value is not None
    return Branch(
        name=f"{short} (n = {one.value.n})",
        words=f"{_numbers.number(one.value)}" if known else one.words,
        value=one.value.value,
        ci=one.value.ci,
        marked=one.claimed,
    )


def _gaps(standing: Standing, metrics: list[str]) -> Iterator[Line]:
    """A line for each column of groups, and for each class where odds are of one."""
    wheres: dict[tuple[tuple[str, str], ...], Where] = {}
    for row in standing.rows:
        if "gap" in row.where:
            wheres.setdefault(tuple(sorted(row.where.items())), row.where)
    for where in wheres.values():
        by = where["gap"] + (f", {where['class']}" if "class" in where else "")
        found = {m: find(standing, m, where) for m in (*metrics, OPPORTUNITY, ODDS)}
        yield {
            _BY: _cells.text(by),
            **{_cells.column(row): _gap(row) for row in found.values() if row is not None},
        }
