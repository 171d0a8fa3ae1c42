"""What a number says in plain words beside what it must be held against; no figure is new."""

from collections.abc import Callable

from harness.record import Measurement
from harness.report import _words
from harness.report._view import find
from harness.standings import Standing

Judge = Callable[[Measurement, Standing], str]

_NONE = "No interval is known, so how far luck bears on it is not."


def reading(row: Measurement, standing: Standing) -> str:
    """What the metric is, and what this value of it says; why, where it is undefined."""
    about = _words.explain(row.metric)
    return " ".join(part for part in (about, verdict(row, standing)) if part)


def verdict(row: Measurement, standing: Standing) -> str:
    """What a value says beside its reference: guessing, the commonest answer, a floor."""
    if row.value is None:
        return f"Not known: {row.reason}."
    judge = _JUDGES.get(row.metric)
    said = judge(row, standing) if judge else ""
    return said or ("" if row.ci or row.metric.endswith(_EXACT) else _NONE)


_EXACT = ("_floor", "_rate")


def _above(bound: float | None, what: str, row: Measurement) -> str:
    """Whether a value is surely above a reference."""
    if bound is None or row.value is None:
        return ""
    if row.value <= bound:
        return f"It is not above {what}."
    if row.ci and row.ci[0] <= bound:
        return f"It is not surely above {what}: the interval reaches it."
    return f"It is above {what}." if row.ci else ""


def _against(metric: str, what: str) -> Judge:
    def judge(row: Measurement, standing: Standing) -> str:
        beside = find(standing, metric, row.where)
        return _above(beside.value if beside else None, what, row)

    return judge


def _under(metric: str, what: str) -> Judge:
    def judge(row: Measurement, standing: Standing) -> str:
        beside = find(standing, metric, row.where)
        if beside is None or beside.value is None or row.value is None:
            return ""
        if row.value >= beside.value:
            return f"It is not below {what}."
        if row.ci and row.ci[1] >= beside.value:
            return f"It is not surely below {what}: the interval reaches it."
        return f"It is below {what}." if row.ci else ""

    return judge


def _against_chance(of: Callable[[int], float]) -> Judge:
    def judge(row: Measurement, standing: Standing) -> str:
        known = next((r.run for r in standing.records if r.run.get("classes")), {})
        outputs = 2 if known.get("kind") == "multilabel" else len(known.get("classes") or ())
        return _above(of(outputs), "guessing", row) if outputs > 1 else ""

    return judge


def _floor(metric: str) -> Judge:
    def judge(row: Measurement, standing: Standing) -> str:
        least = find(standing, metric, row.where)
        if least is None or least.value is None or row.value is None:
            return "What a perfectly calibrated model would show is not known."
        if row.value <= least.value:
            return "A perfectly calibrated model would show as much on so few cases."
        return _above(least.value, "what a perfectly calibrated model would show", row)

    return judge


def _target(aim: float, below: str, above: str) -> Judge:
    def judge(row: Measurement, standing: Standing) -> str:
        if row.ci is None:
            return ""
        if row.ci[0] <= aim <= row.ci[1]:
            return "The interval holds the value of a calibrated model."
        return below if row.ci[1] < aim else above

    return judge


_JUDGES: dict[str, Judge] = {
    "roc_auc": _against_chance(lambda _: 0.5),
    "balanced_accuracy": _against_chance(lambda outputs: 1 / outputs),
    "mcc": _against_chance(lambda _: 0.0),
    "cohen_kappa": _against_chance(lambda _: 0.0),
    "accuracy": _against("majority_rate", "always giving the most frequent answer"),
    "mean_absolute_error": _under("median_grade_error", "always giving the median grade"),
    "pixel_accuracy": _against("background_rate", "finding nothing at all"),
    "ece": _floor("ece_floor"),
    "ece_top_label": _floor("ece_top_label_floor"),
    "calibration_slope": _target(
        1.0,
        "Overconfident: probabilities are nearer to 0 and 1 than they should be.",
        "Underconfident: probabilities are further from 0 and 1 than they should be.",
    ),
    "calibration_intercept": _target(
        0.0,
        "Probabilities are too high on the whole.",
        "Probabilities are too low on the whole.",
    ),
}
