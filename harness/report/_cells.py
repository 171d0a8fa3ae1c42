"""Measurements as cells and columns: text, interval, sort key, tooltip and footnotes."""

from collections.abc import Callable, Iterable

from harness.record import Measurement, Record, Where
from harness.report import _numbers, _words
from harness.report._blocks import NOTHING, Cell, Column, Mark
from harness.standings import Standing

N = Column(label="n", explain="How many the numbers of a line are over.")


def column(row: Measurement, name: str = "", explain: str = "") -> Column:
    """The column of all rows like this one."""
    return Column(
        label=name or _words.label(row.metric),
        unit=_numbers.unit(row),
        explain=explain or _words.explain(row.metric),
        better=row.better,
    )


def text(words: str, detail: str = "") -> Cell:
    """A cell of words; empty words make a blank cell."""
    return Cell(text=words or NOTHING, detail=detail, sort=words or None)


def count(value: float | None, detail: str = "") -> Cell:
    """A cell of a plain whole number."""
    return Cell() if value is None else Cell(text=f"{value:,.0f}", detail=detail, sort=value)


def counted(row: Measurement) -> Cell:
    """How many a row is over, and in what unit."""
    return count(row.n, f"{row.over or 'case'}{'' if row.n == 1 else 's'}")


def chance(p: float | None) -> Cell:
    """A cell of a p value."""
    return Cell() if p is None else Cell(text=_numbers.chance(p), sort=p)


def measured(row: Measurement | None, mark: Mark | None = None) -> Cell:
    """A cell of one row: its value and interval, or "undefined" with the reason as a footnote."""
    if row is None:
        return Cell()
    if row.value is None:
        reason = f"Undefined: {row.reason}"
        return Cell(text="undefined", title=reason, notes=(reason,), tone="quiet")
    over = (row.over or "case") + ("s" if row.excluded > 1 else "")
    excluded = f"{row.excluded} {over} left out" if row.excluded else ""
    return Cell(
        text=_numbers.number(row),
        interval=_numbers.interval(row),
        sort=row.value,
        title=conditions(row),
        notes=(excluded,) if excluded else (),
        mark=mark,
    )


def conditions(row: Measurement) -> str:
    """What the number was measured on and how its interval was found."""
    where = listed_where(row.where)
    n = "" if row.n is None else f"n = {row.n:,} {row.over or 'case'}s"
    level = f"{100 * row.level:g} % interval" if row.ci and row.level else ""
    return ", ".join(part for part in (where, n, level, row.method) if part)


def marked(row: Measurement | None, standing: Standing, reference: float | None = None) -> Cell:
    """`measured`, and drawn: the interval, a tick a seed, and a line to be read against."""
    if row is None or row.value is None:
        return measured(row)
    found = [record.find(row.metric, **row.where) for record in standing.records]
    seeds = tuple(one.value for one in found if one is not None and one.value is not None)
    drawn = seeds if len(seeds) > 1 else ()
    return measured(row, Mark(value=row.value, ci=row.ci, seeds=drawn, reference=reference))


def model(standing: Standing, about: Callable[[str], bool]) -> Cell:
    """The name of a model; as footnotes what failed, and warnings whose code is wanted."""
    broken = [record for record in standing.records if record.status != "ok"]
    states = [f"seed {_seed(record)} {record.status}" for record in broken]
    failures = [f"{standing.model}, seed {_seed(r)} {r.status}: {r.fault}" for r in broken]
    return Cell(
        text=standing.model,
        detail=", ".join(states),
        sort=standing.model,
        notes=(*failures, *warnings(standing, about)),
        tone="alert" if broken else "",
    )


def warnings(standing: Standing, about: Callable[[str], bool]) -> list[str]:
    """A sentence for each code of warning: its first message, and how many more there are."""
    given: dict[str, list[str]] = {}
    for record in standing.records:
        for warning in record.warnings:
            code, message = warning.get("code", "warning"), warning.get("message", "")
            given.setdefault(code, []).append(f"seed {_seed(record)}, {message}")
    return [
        f"{code}: {first}" + (f" ({len(more)} more in the records)" if more else "")
        for code, (first, *more) in given.items()
        if about(code)
    ]


def _seed(record: Record) -> str:
    return str(record.run.get("seed", "?"))


def listed_where(where: Where) -> str:
    """`backend onnxruntime, batch 1`."""
    return ", ".join(f"{key} {value}" for key, value in where.items())


def listed(values: Iterable[object]) -> str:
    """Distinct values in order of appearance, `; ` between them."""
    return "; ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))
