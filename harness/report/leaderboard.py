"""Who is best, how sure that is, and what it costs: one table a dataset."""

import dataclasses

from harness.record import Measurement, Where
from harness.report import _cells, _numbers, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._view import Group, Line, View, find, joined, quality, served_one_by_one
from harness.standings import Standing

_LEAD = (
    "Quality is measured on the test split with the exported ONNX file, and is the mean over the "
    "seeds shown. Brackets and bars are intervals; on a bar the dot is the mean, a tick is a seed, "
    "and the dashed line is what the most frequent answer, given always, would score. "
    "Where intervals overlap, the order may be luck."
)
_RANK = Column(label="Rank", explain="By the first metric; equals share a rank.", order="ascending")
_SEEDS = Column(label="Seeds", explain="Checkpoints, and the ranking metric of each.")


def section(view: View) -> str:
    """A table for each dataset."""
    return view.chapter("Leaderboard", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    metrics = group.metrics(lambda row: quality(row) and not row.where)
    sizes = group.metrics(lambda row: row.metric in ("parameters_trainable", "size_bytes"))
    places = group.places(served_one_by_one)
    elsewhere = "latency" in view.recipe.sections
    lines = [
        {
            _RANK: _cells.count(standing.rank),
            MODEL: _cells.model(standing, lambda code: not (elsewhere and "latency" in code)),
            **{_cells.column(row): _quality(standing, row.metric) for row in metrics},
            _SEEDS: _seeds(standing),
            **{_cells.column(row): _size(standing, row.metric) for row in sizes},
            **{_column(w): _cells.measured(find(standing, "latency_p50", w)) for w in places},
        }
        for standing in group.standings
    ]
    table = view.table(f"Leaderboard of {group.dataset}", lines, _majority(group, metrics))
    return joined(view.paragraph(_conditions(group)), table)


def _column(where: Where) -> Column:
    threads = where.get("threads", "?")
    return Column(
        label="Latency",
        unit=f"ms, {threads} thread{'' if threads == '1' else 's'}",
        explain=f"Half of the calls are faster (p50), with {_cells.listed_where(where)}.",
        better="lower",
    )


def _quality(standing: Standing, metric: str) -> Cell:
    majority = find(standing, "majority_rate") if metric == "accuracy" else None
    return _cells.marked(find(standing, metric), standing, majority.value if majority else None)


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
    return [{MODEL: name, _cells.column(accuracy): _cells.measured(known)}]


def _conditions(group: Group) -> str:
    """How many cases, and how the intervals were found."""
    rows = [find(standing, group.metric) for standing in group.standings]
    listed = _cells.listed(_cells.conditions(row) for row in rows if row is not None)
    return f"{_words.label(group.metric)}: {listed}." if listed else ""
