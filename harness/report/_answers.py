"""What the records of a model say of data, model and code; "" where they cannot say."""

from collections.abc import Mapping
from typing import Any

from harness.cases import UNCALIBRATED
from harness.report import _cells, _known, _limits, _recalibrated, _words
from harness.report import _told as told
from harness.report._known import EXTERNAL
from harness.report._view import find
from harness.standings import Standing

PRIORS = ("shifted-prevalence", "not-calibrated")
"""Warnings of probabilities that are of other shares of classes than there are."""
LOST = ("fewer-cases", "missing-prediction", "unread-case")
"""Warnings of cases that are not in the numbers, or are there as the worst."""


def source(standing: Standing) -> str:
    """Whose data it is, and where."""
    parts = (_known.source(standing, "citation"), _known.source(standing, "url"))
    return ", ".join(filter(None, map(told.said, parts)))


def availability(standing: Standing) -> str:
    """Where the data is and under which licence."""
    parts = (_known.source(standing, "url"), _known.source(standing, "licence"))
    return ", ".join(filter(None, map(told.said, parts)))


def divided(standing: Standing) -> str:
    """Who divided the data, by what."""
    return told.said(_known.divided(standing))


def missing(standing: Standing) -> str:
    """Cases that are not in the numbers, and what they count as."""
    messages = [w["message"] for r in standing.records for w in r.warnings if w["code"] in LOST]
    if messages:
        return _cells.listed(messages)
    row = _known.first(standing, {})
    if row is None:
        return ""
    left = f"{row.excluded} left out of {_words.label(row.metric)}" if row.excluded else "none"
    return f"Test cases left out of the numbers: {left}."


def disjoint(standing: Standing) -> str:
    """The unit that is in one part alone."""
    row = _known.first(standing, {})
    split = _field(standing, "split")
    if row is None or not row.over:
        return ""
    if row.over != "subject":
        return f"Of {row.over}s; which of them are of one patient the record cannot say."
    return "Of subjects." if split.get("by", "subject") == "subject" else f"Of {split['by']}s."


def sizes(standing: Standing) -> str:
    """How many cases there are of test and val."""
    test, val = (_known.counted(standing, where) for where in ({}, {"split": "val"}))
    known = [f"test {test}" if told.said(test) else "", f"val {val}" if told.said(val) else ""]
    return ", ".join(filter(None, known))


def planned(standing: Standing) -> str:
    """The size of test; nobody writes into a record how it was planned."""
    found = sizes(standing)
    return f"{found}. How many were intended the record cannot say." if found else ""


def model(standing: Standing) -> str:
    """How big it is, and which file it is."""
    shown = ("parameters_trainable", "parameters_total", "size_bytes", "flops")
    rows = filter(None, map(told.number, (find(standing, metric) for metric in shown)))
    return "; ".join((standing.model, *rows, *filter(None, [told.said(_known.shipped(standing))])))


def software(standing: Standing) -> str:
    """Packages and their versions."""
    found = [r.environment.get("packages") or {} for r in _known.measured(standing)]
    return _cells.listed(f"{name} {version}" for one in found for name, version in one.items())


def training(standing: Standing) -> str:
    """Epochs, and how often it was trained."""
    epochs = [record.selection.get("epochs_run") for record in _known.measured(standing)]
    ran = _cells.listed(f"{each} epochs" for each in epochs if each)
    rest = "optimiser, loss and augmentation are in the suite and not in the record"
    return f"{ran}, {_known.seeds(standing)}; {rest}." if ran else ""


def selected(standing: Standing) -> str:
    """By which split, by which rule."""
    return "" if "not known" in _known.chosen(standing) else told.said(_known.chosen(standing))


def ensemble(standing: Standing) -> str:
    """None: each seed is a model."""
    rules = {record.selection.get("rule") for record in _known.measured(standing)}
    came = standing.device == EXTERNAL or "a finished file" in rules
    return "" if came else "None: each answer is of one model."


def code(standing: Standing) -> str:
    """The revision."""
    return told.said(_known.made_by(standing))


def validated(standing: Standing) -> str:
    """Folds, or a split of its own."""
    val = _known.counted(standing, {"split": "val"})
    how = _known.divided(standing)
    if not told.said(val) and "folds" not in how:
        return ""
    return how + (f"; val has {val}" if told.said(val) else "")


def recalibrated(standing: Standing) -> str:
    """Whether probabilities were mended after training, and what that changed."""
    if standing.device == EXTERNAL:
        return ""
    before = [row for row in standing.rows if row.where == {"variant": UNCALIBRATED}]
    shown = [r for r in before if r.metric in (*_limits.CALIBRATION, "brier", "log_loss")]
    now = [find(standing, row.metric) for row in shown]
    pairs = (
        f"{told.number(was)} before, {told.number(is_)} after"
        for was, is_ in zip(shown, now, strict=True)
    )
    return told.joined((_recalibrated.calibrated(standing), *pairs))


def predicted(standing: Standing) -> str:
    """With which file and runtime, and how that compares with the network."""
    if standing.device == EXTERNAL:
        return ""
    rows = [told.number(find(standing, name)) for name in ("parity_max_abs", "parity_flips")]
    return told.joined(("by the exported file in ONNX Runtime", *filter(None, rows)))


def imbalance(standing: Standing) -> str:
    """A prior that was corrected, or a warning that it was not."""
    warned = [w["message"] for r in standing.records for w in r.warnings if w["code"] in PRIORS]
    return told.joined((*_recalibrated.priors(standing), *warned))


def output(standing: Standing) -> str:
    """What it gives, and how that is decided."""
    classes, decided = (told.said(of(standing)) for of in (_known.classes, _known.decided))
    return told.joined((classes, f"decided: {decided}" if decided else ""))


def outcome(standing: Standing) -> str:
    """Which classes are told apart."""
    return told.said(_known.classes(standing))


def flow(standing: Standing) -> str:
    """Cases of each part, and the share of the commonest class."""
    return told.joined(
        filter(None, (sizes(standing), told.number(find(standing, "majority_rate"))))
    )


def file(standing: Standing) -> str:
    """The file that gives predictions for new cases."""
    return "" if standing.device == EXTERNAL else told.said(_known.shipped(standing))


def _field(standing: Standing, name: str) -> Mapping[str, Any]:
    """A table of the Run, from the first record that has it."""
    return next((record.run[name] for record in standing.records if record.run.get(name)), {})
