"""What seismometer says of a project as one self-contained page, in the dress of a report."""

import re
from collections.abc import Mapping
from typing import Any

from harness.report import Board, Recipe, _html
from harness.report._blocks import Cell, Column, Figure, Page
from harness.report._view import View, joined
from harness.seismometry import _compared, _drawings, _notebook, _words
from harness.seismometry._names import Target
from harness.seismometry._settings import MOST
from harness.seismometry.drawing import Answer
from harness.seismometry.project import Project

_WHY = Column(label="Why", numeric=False)


def page(found: Project, answer: Answer) -> str:
    """The whole file. Raises ValueError where seismometer answered in another form than it should.

    answer: of `drawing.ask`, without an "error".
    """
    recipe = Recipe(name=found.folder.name, title=found.title, suites=("",), sections=())
    view = View(recipe, Board(), _html, alone=True)
    asked = list(zip(found.targets, answer["targets"], strict=True))
    view.here = "agreement"
    pieces = [
        _named(view, found, target, _compared.agreement(view, found, target, told))
        for target, told in asked
    ]
    chapters = [view.chapter("Beside the harness", *pieces, lead=_words.AGREEMENT)]
    view.here = "fairness"
    pieces = [
        _named(view, found, target, _compared.fairness(view, found, target, told))
        for target, told in asked
    ]
    lead = _words.FAIRNESS if any(pieces) else ""
    chapters.append(view.chapter("Fairness audit", *pieces, lead=lead))
    for kind, title in _words.CHAPTERS.items():
        view.here = kind
        pieces = [_named(view, found, t, _drawn(view, kind, t, told)) for t, told in asked]
        lead = _words.LEADS[kind] if any(pieces) else ""
        chapters.append(view.chapter(title, *pieces, lead=lead))
    view.here = "left-out"
    chapters.append(view.chapter("Left out", _left_out(view, found, answer)))
    whole = Page(
        title=found.title,
        summary=_summary(found, answer),
        contents=view.chapters,
        body=joined(*chapters),
        words=list(view.words.items()),
        closing=_words.CLOSING.format(version=answer["version"]),
    )
    return _html.page(whole)


def apart(found: Project, answer: Answer) -> tuple[float, int]:
    """The largest difference of a number of seismometer from the harness's, and of how many."""
    asked = zip(found.targets, answer["targets"], strict=True)
    both = [pair for target, told in asked for pair in _compared.pairs(found, target, told)]
    return max((abs(theirs - ours) for theirs, ours in both), default=0.0), len(both)


def _summary(found: Project, answer: Answer) -> list[str]:
    people = found.table.units("subject")
    subjects = f" of {len(set(people.codes.tolist()))} subjects" if people.over == "subject" else ""
    return [
        f"{len(found.table):,} test cases{subjects}: {found.table.tally()}.",
        f"A class is decided where {found.how}.",
        f"Tables and drawings are those of seismometer {answer['version']}. To look further, open "
        f"{_notebook.FILE} in the folder {found.folder.name}.",
    ]


def _named(view: View, found: Project, target: Target, piece: str) -> str:
    """Under the name of its target, where there are several."""
    if not piece or len(found.targets) == 1:
        return piece
    return view.topic(f"{target.event} against the rest", piece)


def _drawn(view: View, kind: str, target: Target, told: Mapping[str, Any]) -> str:
    """The drawings of one kind, or why there are none."""
    pieces: list[str] = []
    for k, each in enumerate(told["drawn"]):
        if each["kind"] != kind:
            continue
        about = ": ".join(filter(None, (each.get("column"), each.get("value")))) or "All cases"
        described = _words.DESCRIBED[kind].format(target=target.event, about=about)
        anchor = re.sub("[^A-Za-z0-9]+", "-", f"{kind}-{target.k}-{k}")
        found = _drawings.figure(each["html"], anchor, about, described)
        if isinstance(found, Figure):
            pieces.append(view.figures([found]))
        else:
            pieces.append(view.paragraph(f"{about}: {found}."))
    return joined(*pieces)


def _left_out(view: View, found: Project, answer: Answer) -> str:
    """The cohorts that seismometer does not show, with their cases, and why."""
    lines = []
    for column, values in found.cohorts().items():
        many = f"its column has {len(values)} values, and more than {MOST} are not shown"
        why = many if len(values) > MOST else f"{found.limit} cases or fewer"
        for value, n in values.items():
            if value not in answer["cohorts"].get(column, ()):
                place = (column, value)
                told = {_compared.COHORT: _compared.cohort(place), _compared.N: _compared.whole(n)}
                lines.append({**told, _WHY: Cell(text=why)})
    return view.table("Cohorts that are not shown", lines)
