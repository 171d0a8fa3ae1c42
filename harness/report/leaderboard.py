"""Who is best, how sure that is, and what it costs: one table a suite, and one a dataset."""

import dataclasses

from harness.record import Measurement, Where
from harness.report import _beside, _cells, _numbers, _overview, _ranks, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._named import named
from harness.report._view import Group, Line, View, find, joined, quality, served_one_by_one
from harness.standings import Standing

_LEAD = (
    "Quality is measured on the test split with the exported ONNX file, and is the mean over the "
    "seeds shown. Brackets and bars are intervals; on a bar the dot is the mean, a tick is a seed, "
    "and a dashed line, of classes, what the most frequent answer, given always, would score. "
    "Lines are in order of value, which may be luck; a rank is 1 and as many more as models are "
    "better in a paired test; two models that share a letter below it are not told apart."
)
_SEEDS = Column(label="Seeds", explain="Checkpoints, and the ranking metric of each.")
_SPREAD = Column(
    label="Spread", explain="Standard deviation of the ranking metric between seeds, n - 1."
)


def section(view: View) -> str:
    """A table for each suite of several datasets, then one for each dataset."""
    pieces = [*_overview.tables(view), *view.each(_dataset)]
    return view.chapter("Leaderboard", *pieces, lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    metrics = group.metrics(lambda row: quality(row) and not row.where and named(group, row))
    windows = group.metrics(lambda row: row.metric == "windows_per_case")
    sizes = group.metrics(lambda row: row.metric in ("parameters_trainable", "size_bytes"))
    places = group.places(served_one_by_one)
    shown = [row.metric for row in metrics]
    first, accuracy = metrics[:1], [row for row in metrics[1:] if row.metric == "accuracy"]
    lines = [
        {
            _ranks.RANK: _ranks.cell(standing, view.alone),
            MODEL: _name(view, standing, badged="accuracy" not in shown),
            **_scores(group, standing, first),
            _SEEDS: _seeds(standing),
            _SPREAD: _cells.measured(standing.spread),
            **_scores(group, standing, accuracy),
            **{_cells.column(row): _size(standing, row.metric) for row in sizes},
            **{_column(w): _cells.measured(find(standing, "latency_p50", w)) for w in places},
            **{_cells.column(row): _cells.measured(find(standing, row.metric)) for row in windows},
            **_scores(group, standing, [row for row in metrics if row not in (*first, *accuracy)]),
        }
        for standing in group.standings
    ]
    label, foot = f"Leaderboard of {group.dataset}", _majority(group, metrics)
    table = view.table(label, lines, foot, filtered=True)
    told = view.paragraph(_ranks.told(group))
    beside = [_ranks.rivals(view, standing) for standing in group.standings if view.alone]
    return joined(view.paragraph(_conditions(group)), told, table, *beside)


def _name(view: View, standing: Standing, badged: bool) -> Cell:
    elsewhere = "latency" in view.recipe.sections
    cell = _cells.model(standing, lambda code: not (elsewhere and "latency" in code))
    cell = view.linked(cell, standing.suite, standing.model)
    return dataclasses.replace(cell, badges=standing.cautions if badged else ())


def _column(where: Where) -> Column:
    threads = where.get("threads", "?")
    return Column(
        label="Latency",
        unit=f"ms, {threads} thread{'' if threads == '1' else 's'}",
        explain=f"Half of the calls are faster (p50), with {_cells.listed_where(where)}.",
        better="lower",
    )


def _scores(group: Group, standing: Standing, metrics: list[Measurement]) -> dict[Column, Cell]:
    """Each metric, and what is published of it where the same network was measured."""
    published, judged = group.beside(standing), {m for row in group.published for m in row.places}
    cells: dict[Column, Cell] = {}
    for row in metrics:
        cells[_ordered(group, row)] = _quality(standing, row.metric)
        if row.metric in judged:
            column = _beside.column(row.metric)
            cells[column] = _beside.cell(published, row.metric, named=True)
    return cells


def _ordered(group: Group, row: Measurement) -> Column:
    """The column of a metric; lines are in order of the first."""
    column = _cells.column(row)
    first = row.metric == group.metric
    return dataclasses.replace(column, order=column.first_order) if first else column


def _quality(standing: Standing, metric: str) -> Cell:
    row = find(standing, metric)
    if metric != "accuracy":
        return _cells.marked(row, standing)
    majority = find(standing, "majority_rate")
    cell = _cells.marked(row, standing, majority.value if majority else None)
    return dataclasses.replace(cell, badges=standing.cautions)


def _seeds(standing: Standing) -> Cell:
    """Those that were measured; one is but a checkpoint, of several each value is told."""
    measured = [record for record in standing.records if record.status != "failed"]
    seeds = [str(record.run.get("seed", "?")) for record in measured]
    if len(seeds) == 1:
        return _cells.text(f"seed {seeds[0]}", "this checkpoint")
    found = [record.find(standing.metric) for record in measured]
    values = [_numbers.number(row) for row in found if row is not None]
    return _cells.text(", ".join(seeds), " · ".join(values))


def _size(standing: Standing, metric: str) -> Cell:
    cell = _cells.measured(find(standing, metric))
    effective = find(standing, "parameters_effective")
    if metric != "parameters_trainable" or effective is None:
        return cell
    return dataclasses.replace(cell, detail=f"{_numbers.number(effective)} effective")


def _majority(group: Group, metrics: list[Measurement]) -> list[Line]:
    """A line to read accuracy against, where the records have it."""
    rates = [find(standing, "majority_rate") for standing in group.standings]
    known = next((rate for rate in rates if rate is not None), None)
    accuracy = next((row for row in metrics if row.metric == "accuracy"), None)
    if known is None or accuracy is None:
        return []
    name = _cells.text("most frequent answer")
    return [{MODEL: name, _ordered(group, accuracy): _cells.measured(known)}]


def _conditions(group: Group) -> str:
    """How many cases, how the intervals were found, and which of two classes is the positive."""
    rows = [find(standing, group.metric) for standing in group.standings]
    listed = _cells.listed(_cells.conditions(row) for row in rows if row is not None)
    measured = f"{_words.label(group.metric)}: {listed}." if listed else ""
    return " ".join(part for part in (measured, _polarity(group)) if part)


def _polarity(group: Group) -> str:
    runs = [record.run for standing in group.standings for record in standing.records]
    known = next((run for run in runs if run.get("classes")), {})
    classes = known.get("classes", ())
    if known.get("kind") == "mask":
        return f"The mean over {len(classes)} classes of masks." if len(classes) > 1 else ""
    if len(classes) != 2 or known.get("kind") == "multilabel":
        return ""
    return f'The positive class is "{classes[1]}", the other "{classes[0]}".'
