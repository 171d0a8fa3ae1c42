"""What the records of one model say of how it was measured, as texts; nothing of it is new."""

from collections.abc import Callable, Mapping
from typing import Any

from harness.record import Measurement, Record
from harness.report import _cells
from harness.report._view import find
from harness.standings import Standing

EXTERNAL = "external"
UNSAID = "the record does not say"


def measured(standing: Standing) -> list[Record]:
    """The records that have numbers."""
    return [record for record in standing.records if record.status != "failed"]


def classes(standing: Standing) -> str:
    """Which classes are told apart or outlined, and which is the positive one."""
    run = _run(standing)
    names = [str(name) for name in run.get("classes") or ()]
    if not names:
        return UNSAID
    if standing.task == "segment":
        return f"masks of {_and(names)}"
    if run.get("kind") == "multilabel":
        return f"each of {len(names)} findings, present or not: {_and(names)}"
    if len(names) == 2:
        return f'"{names[1]}", the positive class, against "{names[0]}"'
    order = "grades, in this order" if run.get("kind") == "ordinal" else "classes"
    return f"{len(names)} {order}: {_and(names)}"


def data(standing: Standing) -> str:
    """The dataset, and whom to cite."""
    return _each(standing, _data)


def _data(record: Record) -> str:
    citation = (record.run.get("source") or {}).get("citation")
    return ": ".join(str(part) for part in (record.run.get("dataset"), citation) if part)


def source(standing: Standing, key: str) -> str:
    """The licence, url or citation of the data."""
    return _each(standing, lambda record: (record.run.get("source") or {}).get(key))


def divided(standing: Standing) -> str:
    """Who divided the data into train, val and test, by what."""
    return _each(standing, _divided)


def _divided(record: Record) -> str:
    if any(warning.get("code") == "data-unread" for warning in record.warnings):
        return ""
    split: Mapping[str, Any] = record.run.get("split") or {}
    if not split:
        return "as it comes: the data has a train, val and test of its own"
    if split.get("file"):
        return f"as {split['file']} names the cases of each part"
    unit = f"by {split.get('by', 'subject')}, seed {split.get('seed', 0)}"
    if split.get("folds"):
        return f"{unit}, into {split['folds']} folds: each case is in the test of one of them"
    return f"{unit}, test {split.get('test')}, val {split.get('val')} of them"


def counted(standing: Standing, where: Mapping[str, str]) -> str:
    """How many cases the first metric is over, in its unit."""
    row = first(standing, where)
    if row is None or row.n is None:
        return UNSAID
    left = f", {row.excluded} left out" if row.excluded else ""
    return f"{row.n:,} {row.over or 'case'}s{left}"


def first(standing: Standing, where: Mapping[str, str]) -> Measurement | None:
    """The row of the suite's first metric there."""
    return find(standing, standing.metric, where)


def trained(standing: Standing) -> str:
    """A dose, where the suite asked for one."""
    doses = [record.run.get("train_subjects") for record in measured(standing)]
    told = [f"{dose:,} subjects" for dose in doses if dose]
    return _cells.listed(told) or f"{UNSAID} how many cases"


def elsewhere(standing: Standing) -> str:
    """Other datasets that it was measured on; "" for none."""
    wheres = [row.where for row in standing.rows if row.where.keys() == {"dataset"}]
    names = dict.fromkeys(where["dataset"] for where in wheres)
    return _cells.listed(f"{name}, {counted(standing, {'dataset': name})}" for name in names)


def seeds(standing: Standing) -> str:
    """Those that were measured, and those that failed."""
    done = [str(record.run.get("seed", "?")) for record in measured(standing)]
    lost = [str(r.run.get("seed", "?")) for r in standing.records if r.status == "failed"]
    told = [f"seed{'s' if done[1:] else ''} {', '.join(done)}"] if done else []
    return "; ".join([*told, *([f"failed: {', '.join(lost)}"] if lost else [])])


def chosen(standing: Standing) -> str:
    """By which split, by what rule, which epoch of how many of each seed."""
    found: dict[str, list[str]] = {}
    for record in measured(standing):
        by, known = split(record), record.selection
        rule = f" ({known['rule']})" if known.get("rule") else ""
        found.setdefault(_BY.get(by, f"by {by}") + rule, []).append(_epoch(known))
    told = [", ".join([how, *filter(None, epochs)]) for how, epochs in found.items()]
    return _cells.listed(told) or UNSAID


def split(record: Record) -> str:
    """That which a model was chosen by; "unknown" where it came trained and nobody told."""
    named = str(record.selection.get("split", "unknown"))
    here = {"epoch", "fold_epochs"} & record.selection.keys()
    return "unknown" if named == "none" and not here else named


def _epoch(known: Mapping[str, Any]) -> str:
    if "fold_epochs" in known:
        return f"epochs {', '.join(map(str, known['fold_epochs']))} of its folds"
    return f"epoch {known['epoch']} of {known.get('epochs_run')}" if "epoch" in known else ""


_BY = {
    "test": "by the test cases, which makes its numbers on them too good",
    "none": "by no split",
    "unknown": "by what is not known",
}


def decided(standing: Standing) -> str:
    """The threshold, or the likeliest of more than two classes."""
    run = _run(standing)
    if standing.task == "segment" and standing.device == EXTERNAL:
        return "elsewhere, by whoever made the masks"
    many = len(run.get("classes") or ()) > 2 and run.get("kind") in ("nominal", "ordinal")
    if many or (run.get("kind") == "mask" and len(run.get("classes") or ()) > 1):
        return "the likeliest class"
    told = [record.selection.get("threshold") for record in measured(standing)]
    known = _cells.listed(f"{value:g}" for value in told if value is not None)
    return f"probability above {known}" if known else UNSAID


def intervals(standing: Standing) -> str:
    """Their level, and what they are over."""
    row = next((row for row in standing.rows if row.ci and row.level and not row.where), None)
    if row is None or row.level is None:
        return UNSAID
    return f"{100 * row.level:g} %, over {row.over or 'case'}s"


def shipped(standing: Standing) -> str:
    """The exported file by its digest."""
    if standing.device == EXTERNAL:
        return "none: predictions made elsewhere"
    found = [record.artifacts.get("onnx", {}).get("sha256") for record in measured(standing)]
    told = _cells.listed(f"sha256 {digest[:16]}" for digest in found if digest)
    return f"the exported ONNX file, {told}" if told else UNSAID


def made_by(standing: Standing) -> str:
    """The version and revision, and whether it was committed."""
    return _each(standing, _made_by)


def _made_by(record: Record) -> str:
    known = record.environment
    version = (known.get("packages") or {}).get("harness")
    parts = [f"harness {version}" if version else "", f"commit {str(known.get('commit'))[:12]}"]
    parts += ["with uncommitted changes" if known.get("dirty") else ""]
    return ", ".join(part for part in parts if part and not part.endswith("None"))


def _run(standing: Standing) -> Mapping[str, Any]:
    return next((record.run for record in standing.records if record.run.get("classes")), {})


def _each(standing: Standing, of: Callable[[Record], Any]) -> str:
    return _cells.listed(of(record) for record in measured(standing)) or UNSAID


def _and(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]
