"""Records against records: verdicts of gates, differences of models, standings of a leaderboard."""

import dataclasses
from collections.abc import Mapping

from harness.record import Measurement, Record


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on one dataset and device: a line of a leaderboard.

    `rows` are means over `seeds`, keyed as in the records; `histories` one training curve a seed,
    a mapping an epoch (`epoch`, `train_loss`, `val_loss`, ...). `rank` is by the suite's first metric.
    """

    suite: str
    title: str
    task: str
    dataset: str
    model: str
    device: str
    metric: str
    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    rows: tuple[Measurement, ...]
    rank: int | None
    histories: tuple[tuple[Mapping[str, float], ...], ...] = ()
