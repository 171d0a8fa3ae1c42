"""Who is told apart: each group against all other cases, tested, and how far groups are apart."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.disparity import ODDS, OPPORTUNITY
from harness.fairness import PREVALENCE
from harness.record import Where
from harness.report import _cells, _numbers, _words
from harness.report._blocks import Cell, Column, Figure
from harness.report._claims import WORD, claims, compared, gap, summary
from harness.report._fair import MINUS, SMALL, P, Told, classes, columns, name, told
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
_OVER = Column(label="Over the rest", explain="The group's value over that of all other cases.")
_COMMON = Column(label=_words.label(PREVALENCE), explain=_words.explain(PREVALENCE))
_BY = Column(label="Groups by", numeric=False, names_row=True)
_MOST = 12


def section(view: View) -> str:
    """A topic for each dataset with groups; tables of every group where it is of one model."""
    return view.chapter("Fairness", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    known = [s for s in group.standings if compared(s)]
    if not known:
        return ""
    if len(group.standings) > 1:
        named = [f"{s.model}: {said}" for s in known if ":" in (said := claims(s))]
        table = view.table(f"Gaps of {group.dataset}", [summary(group, s) for s in known])
        return joined(table, *map(view.paragraph, named))
    return _of_model(view, known[0])


def _of_model(view: View, standing: Standing) -> str:
    metrics = compared(standing)
    first, *others = metrics
    figures = view.figures([f for f in _figures(standing, first) if f])
    gaps = _gaps(view, standing, metrics)
    words = view.paragraph(claims(standing)), view.paragraph(_too_small(standing, first))
    tables = [_folded(view, standing, metric) for metric in others]
    tables += [_by_class(view, standing, metric) for metric in metrics]
    return joined(*words, figures, _leading(view, standing, first), *tables, gaps)


def _leading(view: View, standing: Standing, metric: str) -> str:
    """Groups, and pairs of them that are told apart; the other pairs are folded away."""
    every = list(told(standing, metric))
    crossed = [one for one in every if len(one.where) > 1 and not one.claimed]
    shown = _table(view, standing, metric, [one for one in every if one not in crossed])
    pairs = _table(view, standing, metric, crossed)
    return joined(shown, view.folded(f"{_words.label(metric)} by pairs of groups", pairs))


def _folded(view: View, standing: Standing, metric: str) -> str:
    table = _table(view, standing, metric, list(told(standing, metric)))
    return view.folded(f"{_words.label(metric)} by group", table)


def _by_class(view: View, standing: Standing, metric: str) -> str:
    """A column a class, against all others; nothing where groups were not compared by them."""
    lines: dict[str, dict[Column, Cell]] = {}
    for each in classes(standing, metric):
        for one in told(standing, metric, each):
            group = name(standing, {key: of for key, of in one.where.items() if key != "class"})
            cell = _cells.marked(one.value, standing)
            if one.claimed:
                cell = dataclasses.replace(cell, detail=one.words)
            line = lines.setdefault(group, {_GROUP: _cells.text(group)})
            line[Column(label=each, better=one.value.better)] = cell
    title = f"{_words.label(metric)} of each class by group"
    return view.folded(title, view.table(title, list(lines.values())) if lines else "")


def _too_small(standing: Standing, metric: str) -> str:
    small = [one for one in told(standing, metric) if one.words == SMALL]
    if not small:
        return ""
    said = ", ".join(f"{name(standing, one.where)} (n = {one.value.n})" for one in small[:_MOST])
    more = f" and {len(small) - _MOST} more" if len(small) > _MOST else ""
    return f"Too small to tell, which is neither fair nor unfair: {said}{more}."


def _table(view: View, standing: Standing, metric: str, every: Sequence[Told]) -> str:
    label = f"{_words.label(metric)} of {standing.dataset} by group"
    return view.table(label, [_line(standing, one) for one in every])


def _line(standing: Standing, one: Told) -> Line:
    p = one.apart.p if one.apart is not None else None
    return {
        _GROUP: _cells.text(name(standing, one.where)),
        WORD: Cell(text=one.words, sort=one.words, notes=_notes(one), tone=_tone(one)),
        _cells.N: _cells.count(one.value.n),
        _cells.column(one.value): _cells.marked(one.value, standing),
        MINUS: _cells.measured(one.apart) if one.apart and one.apart.value is not None else Cell(),
        _OVER: _cells.measured(one.ratio),
        P: _cells.chance(p),
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
    for by, each in groupby(told(standing, metric), key=lambda one: columns(standing, one.where)):
        branches = [_branch(one) for one in each if _drawn(one)]
        said = [f"{b.name}: {b.words}" for b in branches]
        yield forest(
            f"{label} by {by}",
            "; ".join(said),
            branches,
            f"{label} {_cells.column(overall).arrow}".strip() if overall else label,
            overall.value if overall else None,
        )


def _drawn(one: Told) -> bool:
    """A pair that is undefined has its line in the table alone, as there are many."""
    return one.value.value is not None or len(one.where) == 1


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


def _gaps(view: View, standing: Standing, metrics: list[str]) -> str:
    """A line for each column of groups; folded, odds of each class."""
    wheres: dict[tuple[tuple[str, str], ...], Where] = {}
    for row in standing.rows:
        if "gap" in row.where:
            wheres.setdefault(tuple(sorted(row.where.items())), row.where)
    whole: list[Line] = []
    alone: list[Line] = []
    for where in wheres.values():
        by = where["gap"] + (f", {where['class']}" if "class" in where else "")
        found = [find(standing, m, where) for m in (*metrics, OPPORTUNITY, ODDS)]
        cells = {_cells.column(row): gap(row) for row in found if row is not None}
        (alone if "class" in where else whole).append({_BY: _cells.text(by), **cells})
    label = f"Largest gaps of {standing.dataset}"
    by_class = view.table(f"{label} by class", alone) if alone else ""
    return joined(
        view.paragraph("The largest gap between two groups of a column:"),
        view.table(label, whole),
        view.folded("Largest gaps of each class", by_class),
    )
