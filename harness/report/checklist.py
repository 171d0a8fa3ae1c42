"""What reviewers ask: items of CLAIM and TRIPOD+AI that data can answer, and the answers."""

from types import ModuleType

from harness.report import _cells, _claim, _tripod
from harness.report._blocks import Cell, Column
from harness.report._items import CANNOT, answered
from harness.report._view import View

_LEAD = (
    "Two checklists for papers about such models, as far as data can answer them. Questions are in "
    "our words: a paper needs theirs. Items that are not here (aims, patients, ethics, funding) "
    f'are for people to answer; "{CANNOT}" means that it could and does not.'
)
_ITEM = Column(label="Item", numeric=False, names_row=True)
_ASKS = Column(label="Asks", numeric=False, prose=True)
_SAYS = Column(label="The record says", numeric=False, prose=True)


def section(view: View) -> str:
    """A table a checklist, on the page of one model alone."""
    if not view.alone or not view.standings:
        return ""
    lists = (_claim, _tripod)
    return view.chapter("Checklists", *(_table(view, each) for each in lists), lead=_LEAD)


def _table(view: View, checklist: ModuleType) -> str:
    """Its items in order, each with its answer."""
    found = [(item, answered(item, view.standings)) for item in checklist.ITEMS]
    lines = [
        {
            _ITEM: Cell(text=item.number, sort=float(rank)),
            _ASKS: _cells.text(item.asks),
            _SAYS: Cell(text=text, sort=text, tone="quiet" if text == CANNOT else ""),
        }
        for rank, (item, text) in enumerate(found)
    ]
    known = sum(text != CANNOT for _, text in found)
    told = (
        f"{checklist.CITATION}. Of {len(found)} items that data bears on, the record says "
        f"something to {known}. That is no judgement of how well."
    )
    return view.topic(checklist.NAME, view.paragraph(told), view.table(checklist.NAME, lines))
