"""Ranks by tests, in words and cells: who is better than whom, and who cannot be told apart."""

import dataclasses

from harness.contest import Outcome, Rival
from harness.guards.best_of import best_of
from harness.record import Measurement
from harness.report import _cells, _numbers, _words
from harness.report._blocks import Cell, Column
from harness.report._view import Group, Line, View
from harness.standings import Standing

RANK = Column(
    label="Rank",
    explain="1 and as many more as models are better in a test, all pairs being adjusted by Holm. "
    "Two models that share a letter cannot be told apart.",
)
_OTHER = Column(label="Against", numeric=False, names_row=True)
_GAIN = Column(
    label="Gain",
    explain="Of the ranking metric on the same cases, with an interval of this pair alone; above 0 "
    "this model is better.",
    better="higher",
)
_P = Column(label="p", explain="Two-sided, adjusted by Holm for all pairs of models.")
_WORD = Column(label="Judged", numeric=False, explain="By the adjusted p at 5 %.")


def cell(standing: Standing, alone: bool) -> Cell:
    """The rank, with its letters below it; on a page of one model, of how many."""
    rank, found = _cells.count(standing.rank), standing.contested
    detail = f"of {standing.among}" if alone else found.groups if found else ""
    return dataclasses.replace(rank, detail=detail if standing.rank is not None else "")


def told(group: Group) -> str:
    """How many pairs of models were told apart, and how; or that nothing compares them."""
    known = [standing.contested for standing in group.standings if standing.contested]
    if known:
        return _told(known[0].outcome, _words.label(group.metric))
    if any(standing.rank for standing in group.standings) or _valued(group) < 2:
        return ""
    return (
        "Not ranked: nothing here compares these models on the same cases, and an order of values "
        "alone may be luck; accept all of them again."
    )


def rivals(view: View, standing: Standing) -> str:
    """A table of one model against each other, best first; "" where it has none."""
    row = standing.find(standing.metric)
    if standing.contested is None or row is None:
        return ""
    lines = [_against(rival, row) for rival in standing.contested.rivals]
    label = f"{standing.model} against each other model of {standing.dataset}"
    return view.table(label, lines, filtered=True)


def _against(rival: Rival, like: Measurement) -> Line:
    gain = None
    if rival.effect is not None:
        gain = dataclasses.replace(
            like, value=rival.effect, ci=rival.ci, kind="difference", method=None
        )
    why = (f"Not tested: {rival.reason}.",) if rival.reason else ()
    return {
        _OTHER: _cells.text(rival.model),
        _GAIN: _cells.measured(gain),
        _P: Cell() if rival.p is None else Cell(text=_numbers.chance(rival.p), sort=rival.p),
        _WORD: dataclasses.replace(_cells.text(rival.word), notes=why),
    }


def _told(outcome: Outcome, metric: str) -> str:
    if outcome.pairs == 0:
        return ""
    pairs = f"{outcome.pairs} pair{'s' if outcome.pairs > 1 else ''} of {outcome.models} models"
    how = f"{outcome.method}, Holm over all pairs at {100 * outcome.level:g} %"
    verb = "are" if outcome.told > 1 else "is"
    told = f"{outcome.told or 'None'} of {pairs} {verb} told apart by {metric} ({how})."
    doubted = best_of(outcome.models, outcome.inflation, metric) if outcome.inflation else None
    if doubted is None:
        return told
    message = doubted["message"]
    return f"{told} {message[0].upper()}{message[1:]}."


def _valued(group: Group) -> int:
    return sum(standing.merit is not None for standing in group.standings)
