"""Whether to believe it: what was measured of one model, on what, how sure, and what is unknown."""

import dataclasses

from harness.record import Measurement
from harness.report import (
    _cells,
    _claims,
    _facts,
    _known,
    _limits,
    _numbers,
    _parts,
    _plain,
    _readings,
    _words,
)
from harness.report._blocks import Cell, Column
from harness.report._view import Line, View, find, joined, quality
from harness.standings import Standing

_LEAD = (
    "What was measured of this model, on what, by which split it was chosen, how sure each number "
    "is, and what nobody knows. Numbers are rows of its records, of several seeds their means; "
    "brackets are intervals. What is undefined says why, and is never a good number."
)
_WHAT = Column(label="What", numeric=False, names_row=True)
_SAID = Column(label="The record says", numeric=False, prose=True)
_WHY = Column(label="In plain words", numeric=False, prose=True)
_METRIC = Column(label="Number", numeric=False, names_row=True)
_VALUE = Column(label="Value")
_CODE = Column(label="Warning", numeric=False, names_row=True)
_FOUND = Column(label="What was found, and what to do", numeric=False, prose=True)
_UNKNOWN = Column(label="Not known", numeric=False, prose=True)
_REMEDY = Column(label="What would tell", numeric=False, prose=True)
_BESIDE = ("majority_rate", "missed_cases", "false_alarm_cases")
"""Numbers of every record, which no suite names."""
_SILENT = (
    "No guard fired. They look for constant or swapped predictions, scores that are no "
    "probabilities, leakage between splits, classes that are absent or never found, and the like. "
    "Silence is no proof: small test sets hide most faults."
)
_NO_PARITY = "The file that ships was not held against a network that it was exported from."
_ELSEWHERE = "Predictions were made elsewhere: which file made them is not known."
_FAILED = "It failed, so that nothing was measured."


def section(view: View) -> str:
    """Topics for each dataset, on the page of one model alone."""
    if not view.alone:
        return ""
    pieces = [_of_model(view, standing) for standing in view.standings]
    return view.chapter("Trust report", *pieces, lead=_LEAD)


def _of_model(view: View, standing: Standing) -> str:
    of = f"{standing.model} on {standing.dataset}"
    groups, sizes = _parts.lines(standing, sized=False), _parts.lines(standing, sized=True)
    detail = f"{standing.dataset}, {standing.device}"
    claims = _claims.claims(standing) if _claims.compared(standing) else ""
    told = view.paragraph(f"{claims} {_parts.pairs(standing)}".strip())
    nothing = view.paragraph("" if _known.measured(standing) else _FAILED)
    pieces = {
        "What was measured, on what": view.table(f"What was measured of {of}", _facts_of(standing)),
        "How good it is": view.table(f"Numbers of {of}", _numbers_of(standing)) or nothing,
        "For whom": joined(told, view.table(f"Groups of {of}", groups)),
        "By size": view.table(f"Sizes of {of}", sizes),
        "The file that ships": view.table(f"Parity of {of}", _parity(standing))
        or nothing
        or view.paragraph(_ELSEWHERE if standing.device == _known.EXTERNAL else _NO_PARITY),
        "Warnings": view.table(f"Warnings of {of}", _warnings(standing))
        or nothing
        or view.paragraph(_SILENT),
        "What is not known": view.table(f"Limits of {of}", _limits_of(standing)),
    }
    return joined(*(view.topic(k, piece, detail=detail) for k, piece in pieces.items()))


def _facts_of(standing: Standing) -> list[Line]:
    return [
        {_WHAT: _cells.text(name), _SAID: _cells.text(said, meaning)}
        for name, said, meaning in _facts.facts(standing)
    ]


def _numbers_of(standing: Standing) -> list[Line]:
    known = [row for row in standing.rows if quality(row) or row.metric in _BESIDE]
    rows = [row for row in known if not row.where]
    rows.sort(key=lambda row: row.metric != standing.metric)
    abroad = [row for row in known if row.where.keys() == {"dataset"}]
    return [_line(row, standing) for row in (*rows, *abroad)]


def _line(row: Measurement, standing: Standing) -> Line:
    where = f"on {row.where['dataset']}" if "dataset" in row.where else ""
    detail = ", ".join(part for part in (where, _numbers.unit(row), _direction(row)) if part)
    return {
        _METRIC: Cell(text=_words.label(row.metric), detail=detail, sort=row.metric),
        _VALUE: _cells.measured(row),
        _WHY: _cells.text(_readings.reading(row, standing)),
        _cells.N: _cells.counted(row),
    }


def _direction(row: Measurement) -> str:
    if isinstance(row.better, float | int):
        return f"best is {row.better:g}"
    return f"{row.better} is better" if row.better else ""


def _parity(standing: Standing) -> list[Line]:
    """What the export changed, at most, in decisions, and in the first metric."""
    rows = [row for row in standing.rows if row.metric.startswith("parity_") and not row.where]
    rows += filter(None, [find(standing, standing.metric, {"variant": "torch"})])
    return [
        {
            _METRIC: Cell(text=_parity_name(row), detail=_numbers.unit(row), sort=row.metric),
            _VALUE: _cells.measured(row),
            _WHY: _cells.text(_words.explain(row.metric) if not row.where else _CHANGED),
            _cells.N: _cells.counted(row),
        }
        for row in rows
    ]


_CHANGED = "What the export changed: the file's value minus the network's."


def _parity_name(row: Measurement) -> str:
    return ("Δ " if row.where else "") + _words.label(row.metric)


def _warnings(standing: Standing) -> list[Line]:
    """A line a code: its meaning, and the sentence of each seed that has one."""
    found: dict[str, list[str]] = {}
    for record in standing.records:
        seed = f"seed {record.run.get('seed', '?')}"
        for warning in record.warnings:
            message = f"{seed}: {warning.get('message', '')}."
            found.setdefault(warning.get("code", "warning"), []).append(message)
    return [
        {
            _CODE: dataclasses.replace(_cells.text(code), tone="alert"),
            _WHY: _cells.text(_plain.plain(code)),
            _FOUND: _cells.text(_few(messages)),
        }
        for code, messages in found.items()
    ]


def _few(messages: list[str], most: int = 3) -> str:
    more = f" And {len(messages) - most} more." if len(messages) > most else ""
    return " ".join(messages[:most]) + more


def _limits_of(standing: Standing) -> list[Line]:
    return [
        {
            _UNKNOWN: _cells.text(limit.unknown),
            _WHY: _cells.text(limit.why),
            _REMEDY: _cells.text(limit.remedy),
        }
        for limit in _limits.limits(standing)
    ]
