"""A suite's models over all of its datasets: the ranking metric, its mean, and the mean rank."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.across import Across, across
from harness.record import Measurement
from harness.standings import Standing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model: rows in the order of the datasets, None where there is none.

    `mean` and `rank`, the mean rank among those that have a value on every dataset, are undefined
    for a model that has not.
    """

    model: str
    rows: tuple[Measurement | None, ...]
    mean: Measurement
    rank: Measurement


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The models of a suite on the datasets that have records, by mean rank.

    `across` tests them; None where no model has a value on every dataset.
    """

    suite: str
    device: str
    metric: str
    datasets: tuple[str, ...]
    lines: tuple[Line, ...]
    across: Across | None = None


def overviews(standings: Sequence[Standing]) -> list[Overview]:
    """One for each suite and device with records of more than one dataset."""
    boards: dict[tuple[str, str], list[Standing]] = {}
    for standing in standings:
        boards.setdefault((standing.suite, standing.device), []).append(standing)
    found = [_overview(board) for board in boards.values()]
    return [overview for overview in found if len(overview.datasets) > 1]


def _overview(board: Sequence[Standing]) -> Overview:
    first = board[0]
    datasets = tuple(dict.fromkeys(standing.dataset for standing in board))
    models: dict[str, dict[str, Standing]] = {}
    for standing in board:
        if standing.metric == first.metric:
            models.setdefault(standing.model, {})[standing.dataset] = standing
    placed = {model: [own.get(dataset) for dataset in datasets] for model, own in models.items()}
    tested = across({m: [s.merit if s else None for s in own] for m, own in placed.items()})
    ranks = dict(zip(tested.models, tested.ranks, strict=True)) if tested else {}
    lines = [_line(model, first.metric, own, ranks.get(model)) for model, own in placed.items()]
    lines.sort(key=lambda line: (line.rank.value is None, line.rank.value, line.model))
    return Overview(
        suite=first.suite,
        device=first.device,
        metric=first.metric,
        datasets=datasets,
        lines=tuple(lines),
        across=tested,
    )


def _line(
    model: str, metric: str, standings: Sequence[Standing | None], rank: float | None
) -> Line:
    rows = [standing.find(metric) if standing else None for standing in standings]
    known = [row for row in rows if row]
    values = [row.value for row in known if row.value is not None]
    like: dict[str, Any] = {"better": known[0].better, "unit": known[0].unit} if known else {}
    missing = f"known of {len(values)} of {len(rows)} datasets"
    mean = float(np.mean(values)) if len(values) == len(rows) else None
    return Line(
        model=model,
        rows=tuple(rows),
        mean=_over(mean, len(rows), missing, metric=metric, **like),
        rank=_over(rank, len(rows), missing, metric="mean_rank", better="lower"),
    )


def _over(value: float | None, n: int, missing: str, **about: Any) -> Measurement:
    """Of all `n` datasets: a mean over some of them would answer another question."""
    about |= {"value": value, "n": n, "over": "dataset", "method": f"mean over {n} datasets"}
    if value is not None:
        return Measurement(**about)
    return Measurement(status="undefined", reason=missing, **about)
