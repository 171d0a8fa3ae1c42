"""Every model of a dataset against every other: paired differences by the ranking metric."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import baselines as accepted
from harness.aggregate import policy_of
from harness.baselines import shipped
from harness.cases import Cases
from harness.compare import Estimate, between, confirmed, estimate, with_scores
from harness.contest import Contest, Pair, Place
from harness.errors import HarnessError
from harness.means import bearing
from harness.plan import Run
from harness.record import Record
from harness.statistics.influence import mean
from harness.suite import Interval, MetricSpec

Checkpoints = Mapping[str, Mapping[int, Cases]]
"""Model -> seed -> the test cases with what this checkpoint makes of them."""
Estimates = Mapping[str, Mapping[int, Estimate | str]]
"""Model -> seed -> what was found of it, or why nothing was."""


def contest(spec: MetricSpec, models: Checkpoints, interval: Interval) -> Contest:
    """All pairs of `models` by one metric, over the seeds that both models of a pair have.

    What is heavy is done once a checkpoint; a pair is a difference of what came of it. Raises
    HarnessError unless all are of the same cases in the same order.
    """
    tables = [table for seeds in models.values() for table in seeds.values()]
    if not all(tables[0].same_cases(table) for table in tables[1:]):
        raise HarnessError(
            "models must be predicted on the same cases to be ranked, got different ones; "
            "run all of them again"
        )
    found = {
        model: {seed: estimate(spec, [table], interval) for seed, table in seeds.items()}
        for model, seeds in models.items()
    }
    pairs = itertools.combinations(sorted(models), 2)
    judged = [_pair(spec, models, found, a, b, interval.level) for a, b in pairs]
    known = [one for own in found.values() for one in own.values() if isinstance(one, Estimate)]
    return Contest(
        metric=spec.name,
        level=interval.level,
        method=_method(known[0]) if known else "",
        pairs=tuple(judged),
    )


def of_runs(
    found: Mapping[Run, tuple[Record, Path]], spec: MetricSpec, interval: Interval
) -> dict[Place, Contest]:
    """The contest of each dataset and device, from records and the folders that hold them.

    A failed record is of no model. Records that may not be ranked together have none.
    """
    places: dict[Place, dict[Run, tuple[Record, Path]]] = {}
    for run, (record, folder) in found.items():
        if record.status != "failed":
            where = (run.suite, run.dataset, run.device)
            places.setdefault(where, {})[run] = (record, folder)
    contests: dict[Place, Contest] = {}
    for where, members in places.items():
        if _of_one_kind([record for record, _ in members.values()]):
            models: dict[str, dict[int, Cases]] = {}
            for run, (_, folder) in members.items():
                models.setdefault(run.model, {})[run.seed] = shipped(folder)
            contests[where] = contest(spec, models, interval)
    return contests


def of_accepted(
    baselines: Path, run: Run, cases: Cases, spec: MetricSpec
) -> tuple[list[Record], Contest] | None:
    """The accepted records of the dataset and device of `run`, and their contest.

    cases: the test cases with their labels. None where records may not be ranked together.
    """
    dataset = accepted.place(baselines, run).parent.parent
    folders = sorted(dataset.glob(f"*@{run.device}"))
    entries = [accepted.read(file) for each in folders for file in accepted.files(each).values()]
    records = [entry.record for entry in entries]
    if not _of_one_kind(records):
        return None
    policy = policy_of(records[0])
    models: dict[str, dict[int, Cases]] = {}
    for entry in entries:
        of, seed = str(entry.record.run["model"]), int(entry.record.run["seed"])
        models.setdefault(of, {})[seed] = with_scores(cases, entry, policy.threshold)
    return records, contest(spec, models, policy.interval)


def _of_one_kind(records: Sequence[Record]) -> bool:
    first = bearing(records[0])
    return all(bearing(record) == first for record in records)


def _pair(
    spec: MetricSpec, models: Checkpoints, found: Estimates, a: str, b: str, level: float
) -> Pair:
    seeds = sorted(found[a].keys() & found[b].keys())
    if not seeds:
        return Pair(a=a, b=b, reason="they have no seed in common")
    one, other = (_mean([found[model][seed] for seed in seeds]) for model in (a, b))
    if isinstance(one, str) or isinstance(other, str):
        reason = one if isinstance(one, str) else str(other)
        return Pair(a=a, b=b, seeds=len(seeds), reason=reason)
    mine, theirs = ([models[model][seed] for seed in seeds] for model in (a, b))
    plain = between(spec, one, other, level)
    difference = confirmed(plain, spec, mine, theirs, one.units.codes)
    low, high = map(rounded, difference.ci)
    return Pair(
        a=a,
        b=b,
        seeds=len(seeds),
        effect=rounded(difference.effect),
        error=rounded(difference.error),
        ci=(low, high),
        p=rounded(difference.p),
    )


def _method(one: Estimate) -> str:
    n = len(one.influence.by_unit)
    return f"paired by {one.units.over}, n = {n:,}, {one.influence.method}, Student's t"


def _mean(seeds: Sequence[Estimate | str]) -> Estimate | str:
    known = [each for each in seeds if not isinstance(each, str)]
    if len(known) < len(seeds):
        return next(each for each in seeds if isinstance(each, str))
    value = float(np.mean([each.value for each in known]))
    moved = mean([each.influence for each in known])
    return dataclasses.replace(known[0], value=value, influence=moved)


def rounded(value: float) -> float:
    """To six significant digits, so that another machine writes the same file."""
    return float(f"{value:.6g}")
