"""What is not known of a model: what its records lack, why that matters, what would tell."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from harness.record import Measurement
from harness.report import _fair, _known, _words
from harness.standings import Standing
from harness.volumes import SIZE

CALIBRATION = ("ece", "ece_top_label", "calibration_slope", "calibration_intercept")
RARE = (
    *("accuracy", "exact_match", "f1", "ppv", "mcc", "cohen_kappa", "average_precision"),
    *("mean_absolute_error", "brier", "log_loss", "ece", "ece_top_label", "pixel_accuracy"),
)
"""Numbers that change with how common the classes are, however good the model stays."""


class Limit(NamedTuple):
    """What is not known, why it matters, and what would tell."""

    unknown: str
    why: str
    remedy: str


def limits(standing: Standing) -> Iterator[Limit]:
    """The gravest first; the last holds of every model here."""
    for find in _ALL:
        yield from find(standing)


def unmeasured(standing: Standing) -> list[Measurement]:
    """Quality rows of the whole test set that are undefined."""
    return [row for row in standing.rows if row.value is None and not row.where]


def grouped(standing: Standing) -> list[Measurement]:
    """Values of the first metric of each group, and of no pair of groups."""
    rows = [row for row in standing.rows if row.metric == standing.metric]
    return [row for row in rows if len(row.where) == 1 and _fair.of_groups(row)]


def _broken(standing: Standing) -> Iterator[Limit]:
    for record in standing.records:
        if record.status == "ok":
            continue
        yield Limit(
            f"seed {record.run.get('seed', '?')} is {record.status}: {record.fault}",
            "What is left may be the easier part.",
            "Mend it and run again.",
        )


def _selection(standing: Standing) -> Iterator[Limit]:
    splits = {_known.split(record) for record in _known.measured(standing)}
    if "test" in splits:
        yield Limit(
            "how good it is on cases that it was not chosen by",
            "Whatever is chosen by the test cases looks better on them than it is.",
            "Choose by val, or measure on new cases.",
        )
    elif "unknown" in splits:
        yield Limit(
            "by what the model was chosen",
            "If the test cases had a part in it, its numbers are too good.",
            "Say so in the file's metadata as harness.selected_on, or train it here.",
        )


def _subjects(standing: Standing) -> Iterator[Limit]:
    row = _known.first(standing, {})
    if row is not None and row.over and row.over != "subject":
        yield Limit(
            f"which {row.over}s are of one patient",
            f"Several {row.over}s of a patient say less than as many patients: intervals may be "
            "too narrow, and a patient may be in training and test.",
            "Give the data a column of subjects.",
        )


def _seeds(standing: Standing) -> Iterator[Limit]:
    if len(_known.measured(standing)) == 1:
        yield Limit(
            "how much another training of the same model would differ",
            "Of one seed nobody knows it: intervals are about cases, not about trainings.",
            "Train it with three seeds or more.",
        )


def _elsewhere(standing: Standing) -> Iterator[Limit]:
    if not any(row.where.keys() == {"dataset"} for row in standing.rows):
        yield Limit(
            "how it does on data of another origin",
            "Another hospital, scanner or year is the harder question, and the usual one.",
            "Name another set by test_on.",
        )


def _groups(standing: Standing) -> Iterator[Limit]:
    rows = grouped(standing)
    if all(row.where.keys() == {f"group.{SIZE}"} for row in rows):
        yield Limit(
            "for whom it works: no age, sex, site or scanner is known",
            "A good mean can hide a group that it fails.",
            "Give the data columns of groups.",
        )
    parts = [_fair.name(standing, row.where) for row in rows if row.value is None]
    every = [row for row in _fair.told(standing, standing.metric) if len(row.where) > 1]
    pairs = [one for one in every if one.value.value is None]
    parts += [f"{len(pairs)} of {len(every)} pairs of groups"] if pairs else []
    if parts:
        yield Limit(
            f"how it does for {'; '.join(parts)}",
            "Too few cases, or none of a class: what is not known is not fair.",
            "Measure more cases of them.",
        )


def _calibration(standing: Standing) -> Iterator[Limit]:
    if standing.task == "classify" and not _has(standing, CALIBRATION):
        yield Limit(
            "whether its probabilities are true",
            "A probability of 0.8 may mean any risk: read it as an order of cases, no more.",
            "Ask for ece, calibration_slope and calibration_intercept in the suite.",
        )


def _undefined(standing: Standing) -> Iterator[Limit]:
    for row in unmeasured(standing):
        if not row.metric.startswith("latency"):
            why = f"Undefined: {row.reason}."
            yield Limit(_words.label(row.metric), why, "Measure cases that have what it needs.")


def _parity(standing: Standing) -> Iterator[Limit]:
    if not _has(standing, ("parity_max_abs",)) and standing.device != _known.EXTERNAL:
        yield Limit(
            "whether the file says what the network said before it was exported",
            "A finished file has nothing to be held against.",
            "Export it here from its network.",
        )


def _speed(standing: Standing) -> Iterator[Limit]:
    if not any(row.metric == "latency_p50" for row in standing.rows):
        yield Limit("how fast it is", "Nothing was timed.", "Run its file here.")


def _prevalence(standing: Standing) -> Iterator[Limit]:
    shown = [row.metric for row in standing.rows if row.metric in RARE and not row.where]
    if shown:
        names = ", ".join(_words.label(name) for name in shown)
        yield Limit(
            f"{names} where the classes are commoner or rarer than in these test cases",
            "These change with how common a class is, though the model does not.",
            "Measure at the share of cases that it will meet.",
        )


def _conditions(standing: Standing) -> Iterator[Limit]:
    if any(record.environment.get("dirty") for record in standing.records):
        yield Limit(
            "the exact code that made the numbers",
            "It had changes that were not committed.",
            "Commit, and run again.",
        )


def _use(standing: Standing) -> Iterator[Limit]:
    yield Limit(
        "what it does to patients",
        "Nobody read images beside it, and all cases are of the past: these numbers are no "
        "evidence of fitness for clinical use.",
        "A study of its use.",
    )


def _has(standing: Standing, metrics: tuple[str, ...]) -> bool:
    return any(row.metric in metrics and not row.where for row in standing.rows)


_ALL: tuple[Callable[[Standing], Iterator[Limit]], ...] = (
    *(_broken, _selection, _subjects, _undefined, _elsewhere, _seeds, _groups, _calibration),
    *(_parity, _speed, _prevalence, _conditions, _use),
)
