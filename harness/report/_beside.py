"""Published numbers as cells: the value as it was published, and where it is beside ours."""

from collections.abc import Sequence

from harness.published import Beside
from harness.report import _words
from harness.report._blocks import Cell, Column
from harness.report._view import Group

_EXPLAIN = (
    "What is published of the same network and the same test cases, and whether that is within, "
    "above or below the interval measured here."
)


def column(metric: str) -> Column:
    """Of published numbers of a metric."""
    return Column(label=f"Published {_words.label(metric)}", explain=_EXPLAIN, numeric=False)


def cell(rows: Sequence[Beside], metric: str, named: bool) -> Cell:
    """Each published number with its word; below them what was reported.

    `named`: in a line that does not tell whose numbers they are, and what is noted of them.
    """
    rows = [row for row in rows if metric in row.result.scores]
    if not rows:
        return Cell()
    return Cell(
        text="; ".join(_value(row, metric) for row in rows),
        detail="; ".join(filter(None, (_about(row, metric, named) for row in rows))),
        sort=rows[0].result.scores[metric],
        title="; ".join(f"{row.source.title}, {row.result.name}, n = {row.n:,}" for row in rows),
        notes=tuple(dict.fromkeys(note for row in rows for note in _notes(row, metric, named))),
    )


def metrics(group: Group) -> list[str]:
    """All that results published of its data have, the ranking metric first."""
    found = dict.fromkeys(metric for row in group.published for metric in row.result.scores)
    return sorted(found, key=lambda metric: metric != group.metric)


def _value(row: Beside, metric: str) -> str:
    text = f"{row.result.scores[metric]:.{row.source.digits}f}"
    place = row.places.get(metric)
    return f"{text} {place.word}" if place and place.word else text


def _about(row: Beside, metric: str, named: bool) -> str:
    reported = row.result.reported.get(metric)
    said = "" if reported is None else f"reported as {reported:.{row.source.digits}f}"
    return ", ".join(part for part in (row.result.name if named else "", said) if part)


def _notes(row: Beside, metric: str, named: bool) -> list[str]:
    place = row.places.get(metric)
    why = f"Not judged: {place.reason}." if place and place.reason else ""
    noted = f"{row.result.name} {row.result.note}." if named and row.result.note else ""
    return [note for note in (why, noted) if note]
