"""Published results: read from TOML files, and where they are beside what was measured."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from harness import shelf, strict
from harness.ranges import demand
from harness.record import Measurement
from harness.standings import Standing

FOLDER = "published"
"""Below the folder of baselines."""
SHIPPED = (shelf.PACKAGE.parent / "baselines" / FOLDER, shelf.PACKAGE / "shipped" / FOLDER)
"""Where the files of this package are, in a clone and in an installed copy."""

Word = Literal["within", "above", "below"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What a source measured on: `data` identifies the contents as a record does, `n` test cases.

    For MedMNIST `data` is the official MD5 of the file.
    """

    data: str
    n: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One network on one dataset. `model` is the same network in our suites, where there is one.

    `scores` are metric -> value as this harness defines the metric; `reported` what the source
    says in its stead, where that is another number.
    """

    dataset: str
    name: str
    scores: Mapping[str, float]
    reported: Mapping[str, float] = dataclasses.field(default_factory=dict)
    model: str | None = None
    parameters: int | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A publication: `about` says what its numbers are, which have `digits` decimals.

    `suites` are those that declare its networks: there alone a result finds its model.
    """

    title: str
    url: str
    citation: str
    about: str
    digits: int
    suites: tuple[str, ...]
    datasets: Mapping[str, Data]
    results: tuple[Result, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A published number beside a measured one; `word` is None where `reason` says why."""

    measured: Measurement
    word: Word | None
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A result published of data that models were measured on here: a cross-record row.

    `model` is the same network among those that were measured, else None; `places` are by metric,
    of the metrics that both have.
    """

    suite: str
    dataset: str
    device: str
    source: Source
    result: Result
    n: int
    model: str | None = None
    places: Mapping[str, Place] = dataclasses.field(default_factory=dict)


def published(baselines: Path) -> tuple[Source, ...]:
    """The sources that are shipped and those of a folder of baselines, which win, by file name.

    Raises HarnessError for the first mistake in any of them.
    """
    files = [file for place in (*SHIPPED, baselines / FOLDER) for file in place.glob("*.toml")]
    by_name = {file.name: file for file in files}
    return tuple(_read(by_name[name]) for name in sorted(by_name))


def place(value: float, ci: tuple[float, float], digits: int) -> Word:
    """Where a number of so many decimals is of an interval, whose ends belong to it.

    A number is taken for all that is rounded to it: 0.84 is within [0.844, 0.9].
    """
    room = 0.5 * 10.0**-digits * (1 + 1e-9)
    if value - room > ci[1]:
        return "above"
    return "below" if value + room < ci[0] else "within"


def beside(standings: Sequence[Standing], sources: Sequence[Source]) -> tuple[Beside, ...]:
    """Each published result of the data of a leaderboard, best first by its ranking metric."""
    boards = groupby(standings, key=lambda line: (line.suite, line.dataset, line.device))
    return tuple(row for _, lines in boards for row in _of_board(list(lines), sources))


def _of_board(lines: Sequence[Standing], sources: Sequence[Source]) -> list[Beside]:
    known = {record.run.get("data") for line in lines for record in line.records} - {None}
    rows = [
        _row(lines, source, result)
        for source in sources
        for result in source.results
        if source.datasets[result.dataset].data in known
    ]
    return sorted(rows, key=lambda row: _order(row.result, lines[0].metric))


def _order(result: Result, metric: str) -> tuple[bool, float]:
    if metric not in result.scores:
        return True, 0.0
    lower = shelf.constant("metrics", metric, "BETTER") == "lower"
    return False, result.scores[metric] if lower else -result.scores[metric]


def _row(lines: Sequence[Standing], source: Source, result: Result) -> Beside:
    first, n = lines[0], source.datasets[result.dataset].n
    ours = lines if first.suite in source.suites else ()
    twin = next((line for line in ours if line.model == result.model), None)
    places = {
        row.metric: _placed(result.scores[row.metric], row, n, source.digits)
        for row in (twin.rows if twin else ())
        if row.metric in result.scores and not row.where
    }
    return Beside(
        suite=first.suite,
        dataset=first.dataset,
        device=first.device,
        source=source,
        result=result,
        n=n,
        model=twin.model if twin else None,
        places=places,
    )


def _placed(value: float, row: Measurement, n: int, digits: int) -> Place:
    if row.value is None:
        return Place(measured=row, word=None, reason=str(row.reason))
    if row.over == "image" and row.n != n:
        return Place(measured=row, word=None, reason=f"published of {n} cases, not of {row.n}")
    if row.ci is None:
        return Place(measured=row, word=None, reason="the measured value has no interval")
    return Place(measured=row, word=place(value, row.ci, digits))


def _read(path: Path) -> Source:
    source = strict.build(Source, strict.read_toml(path), f"{path}:")
    demand(1 <= source.digits <= 9, f"{path}: digits", "be from 1 to 9", source.digits)
    for name, data in source.datasets.items():
        demand(data.n > 0, f"{path}: datasets.{name}.n", "be at least 1", data.n)
    demand(len(source.results) > 0, f"{path}: results", "name at least one", "none")
    for index, result in enumerate(source.results):
        _check(result, source, f"{path}: results[{index}]")
    named = [f"{result.name} on {result.dataset}" for result in source.results]
    twice = next((name for index, name in enumerate(named) if name in named[:index]), None)
    demand(twice is None, f"{path}: results", "have each once", twice)
    return source


def _check(result: Result, source: Source, place: str) -> None:
    known = ", ".join(source.datasets)
    on = f"be one of datasets, which are {known}"
    demand(result.dataset in source.datasets, f"{place}.dataset", on, result.dataset)
    demand(len(result.scores) > 0, f"{place}.scores", "name at least one metric", "none")
    stray = sorted(result.reported.keys() - result.scores.keys())
    demand(not stray, f"{place}.reported", "be of metrics in scores", ", ".join(stray))
    for key in ("scores", "reported"):
        for metric, value in getattr(result, key).items():
            shelf.require("metrics", metric, f"{place}.{key}: a metric")
            share = shelf.constant("metrics", metric, "BETTER") == "higher"
            whole = "be at most 1 (0.838 for 83.8 %)"
            demand(not share or value <= 1, f"{place}.{key}.{metric}", whole, value)
