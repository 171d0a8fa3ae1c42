"""What the records of a model say of how it does, for whom, and where it fails; "" where not."""

from harness.disparity import ODDS, OPPORTUNITY
from harness.record import Measurement
from harness.report import _cells, _fair, _known, _limits, _words
from harness.report import _told as told
from harness.report._view import find
from harness.standings import Standing

PLACES = ("site", "scanner", "hospital", "centre", "center", "vendor", "device", "country")
"""Columns of groups that are clusters of cases."""
DIAGNOSTIC = ("sensitivity", "specificity", "roc_auc", "dice", "lesion_sensitivity")


def metrics(standing: Standing) -> str:
    """The names of what was measured."""
    return _cells.listed(
        _words.label(name) for r in standing.records for name in r.run.get("metrics") or ()
    )


def uncertainty(standing: Standing) -> str:
    """Level, unit and method of the intervals."""
    row = _known.first(standing, {})
    if row is None or row.ci is None:
        return ""
    return f"{_known.intervals(standing)}; of {_words.label(row.metric)} {row.method}."


def spread(standing: Standing) -> str:
    """How much trainings differ."""
    if standing.spread is None:
        return ""
    return (
        f"Between {standing.spread.n} seeds: standard deviation of {told.number(standing.spread)}."
    )


def internal(standing: Standing) -> str:
    """The first metric on test."""
    return told.number(_known.first(standing, {}))


def external(standing: Standing) -> str:
    """The first metric on other sets."""
    rows = [r for r in standing.rows if r.where.keys() == {"dataset"}]
    return told.joined(
        f"{r.where['dataset']}: {told.number(r)}" for r in rows if _leads(r, standing)
    )


def groups(standing: Standing) -> str:
    """Which groups there are in test, and how big they are."""
    rows = [row for row in _limits.grouped(standing) if row.n is not None]
    return told.joined(f"{_named(row, standing)}: {row.n:,} {row.over or 'case'}s" for row in rows)


def by_group(standing: Standing) -> str:
    """The first metric, whole and by group."""
    rows = _limits.grouped(standing)
    return told.joined((internal(standing), *(_part(row, standing) for row in rows)))


def diagnostic(standing: Standing) -> str:
    """Sensitivity, specificity and the like."""
    return told.joined(filter(None, (told.number(find(standing, name)) for name in DIAGNOSTIC)))


def failures(standing: Standing) -> str:
    """Which warnings there are, and the first metric by class; that there are none says nothing."""
    codes = _cells.listed(w["code"] for r in standing.records for w in r.warnings)
    rows = [r for r in standing.rows if r.where.keys() == {"class"} and _leads(r, standing)]
    classes = [f"{row.where['class']}: {told.number(row)}" for row in rows]
    return told.joined((f"Warnings: {codes}" if codes else "", *classes))


def limitations(standing: Standing) -> str:
    """What is not known."""
    return told.joined(f"{limit.unknown}" for limit in _limits.limits(standing))


def clusters(standing: Standing) -> str:
    """The first metric by site, scanner and the like."""
    rows = _limits.grouped(standing)
    known = [r for r in rows if {k.removeprefix("group.") for k in r.where} <= set(PLACES)]
    return told.joined(_part(row, standing) for row in known)


def fairness(standing: Standing) -> str:
    """The largest gaps between groups, of the first metric and of errors."""
    shown = (standing.metric, OPPORTUNITY, ODDS)
    rows = [r for r in standing.rows if r.where.keys() == {"gap"} and r.metric in shown]
    return told.joined(f"largest gap by {r.where['gap']}: {told.number(r)}" for r in rows)


def _part(row: Measurement, standing: Standing) -> str:
    return f"{_named(row, standing)}: {told.number(row)}"


def _named(row: Measurement, standing: Standing) -> str:
    return _fair.name(standing, row.where)


def _leads(row: Measurement, standing: Standing) -> bool:
    return row.metric == standing.metric
