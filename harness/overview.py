"""A suite's models over all of its datasets: the ranking metric, its mean, and the mean rank."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.record import Measurement
from harness.standings import Standing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model: rows in the order of the datasets, None where there is none.

    `mean` and `rank`, the mean rank, are undefined for a model without a value on every dataset.
    """

    model: str
    rows: tuple[Measurement | None, ...]
    mean: Measurement
    rank: Measurement


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The models of a suite on the datasets that have records, by mean rank."""

    suite: str
    device: str
    metric: str
    datasets: tuple[str, ...]
    lines: tuple[Line, ...]


def overviews(standings: Sequence[Standing]) -> list[Overview]:
    """One for each suite and device with records of more than one dataset."""
    boards: dict[tuple[str, str], list[Standing]] = {}
    for standing in standings:
        boards.setdefault((standing.suite, standing.device), []).append(standing)
    found = [_overview(board) for board in boards.values()]
    return [overview for overview in found if len(overview.datasets) > 1]


def _overview(board: Sequence[Standing]) -> Overview:
    datasets = tuple(dict.fromkeys(standing.dataset for standing in board))
    models: dict[str, dict[str, Standing]] = {}
    for standing in board:
        models.setdefault(standing.model, {})[standing.dataset] = standing
    first = board[0]
    lines = [
        _line(model, first.metric, [found.get(dataset) for dataset in datasets])
        for model, found in models.items()
    ]
    lines.sort(key=lambda line: (line.rank.value is None, line.rank.value, line.model))
    return Overview(
        suite=first.suite,
        device=first.device,
        metric=first.metric,
        datasets=datasets,
        lines=tuple(lines),
    )


def _line(model: str, metric: str, standings: Sequence[Standing | None]) -> Line:
    found = [s if s and s.metric == metric else None for s in standings]
    rows = [standing.find(metric) if standing else None for standing in found]
    values = [row.value if row else None for row in rows]
    ranks = [float(s.rank) if s and s.rank is not None else None for s in found]
    known = next((row for row in rows if row), None)
    like: dict[str, Any] = {"better": known.better, "unit": known.unit} if known else {}
    return Line(
        model=model,
        rows=tuple(rows),
        mean=_mean(values, len(rows), metric=metric, **like),
        rank=_mean(ranks, len(rows), metric="mean_rank", better="lower"),
    )


def _mean(values: Sequence[float | None], n: int, **about: Any) -> Measurement:
    """Over all `n` datasets: a mean over some of them would answer another question."""
    known = [value for value in values if value is not None]
    about |= {"n": n, "over": "dataset", "method": f"mean over {n} datasets"}
    if len(known) == n:
        return Measurement(value=float(np.mean(known)), **about)
    reason = f"known of {len(known)} of {n} datasets"
    return Measurement(value=None, status="undefined", reason=reason, **about)
