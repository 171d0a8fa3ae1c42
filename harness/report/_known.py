"""What the records of one model say of how it was measured, as texts; nothing of it is new."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.record import Measurement, Record
from harness.report import _cells
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
    split: Mapping[str, Any] = record.run.get("split") or {}
    if not split:
        return "as its publisher divides it"
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
    for row in standing.rows:
        if row.metric == standing.metric and row.where == where:
            return row
    return None


def trained(standing: Standing) -> str:
    """A dose, where the suite asked for one."""
    doses = [record.run.get("train_subjects") for record in measured(standing)]
    told = [f"{dose:,} subjects" for dose in doses if dose]
    return _cells.listed(told) or f"{UNSAID} how many cases"


def elsewhere(standing: Standing) -> str:
    """Other datasets that it was measured on; "" for none."""
    rows = [row for row in standing.rows if row.where.keys() == {"dataset"}]
    return _cells.listed(f"{r.where['dataset']}, {r.n or 0:,} {r.over or 'case'}s" for r in rows)


def seeds(standing: Standing) -> str:
    """Those that were measured, and those that failed."""
    done = [str(record.run.get("seed", "?")) for record in measured(standing)]
    lost = [str(r.run.get("seed", "?")) for r in standing.records if r.status == "failed"]
    told = [f"seed{'s' if done[1:] else ''} {', '.join(done)}"] if done else []
    return "; ".join([*told, *([f"failed: {', '.join(lost)}"] if lost else [])])


def chosen(standing: Standing) -> str:
    """By which split, by what rule, which epoch of how many of each seed."""
    found: dict[str, list[str]] = {}
    for known in (record.selection for record in measured(standing)):
        split = str(known.get("split", "unknown"))
        by = _BY.get(split, f"by {split}")
        rule = f" ({known['rule']})" if known.get("rule") else ""
        epoch = f"epoch {known['epoch']} of {known.get('epochs_run')}" if "epoch" in known else ""
        found.setdefault(by + rule, []).append(epoch)
    told = [", ".join([how, *filter(None, epochs)]) for how, epochs in found.items()]
    return _cells.listed(told) or UNSAID


_BY = {
    "test": "by the test cases, which makes its numbers on them too good",
    "none": "by no split",
    "unknown": "by what is not known",
}


def decided(standing: Standing) -> str:
    """The threshold, or the likeliest of more than two classes."""
    run = _run(standing)
    many = len(run.get("classes") or ()) > 2 and run.get("kind") in ("nominal", "ordinal")
    if many or (run.get("kind") == "mask" and len(run.get("classes") or ()) > 1):
        return "the likeliest class"
    told = [record.selection.get("threshold") for record in measured(standing)]
    known = _cells.listed(f"{value:g}" for value in told if value is not None)
    return f"probability above {known}" if known else UNSAID


def calibrated(standing: Standing) -> str:
    """By which method, on how many cases of which split; and which prior was corrected."""
    found = [record.selection.get("calibration") or {} for record in measured(standing)]
    told = [
        f"{one.get('method', 'none')}, fitted on {one.get('n', 0):,} cases of {one.get('split')}"
        for one in found
        if one
    ]
    return _cells.listed((*told, *priors(standing))) or "no: probabilities are the model's own"


def priors(standing: Standing) -> list[str]:
    """Shares of the classes that probabilities were corrected from, and to."""
    found = [record.selection.get("calibration") or {} for record in measured(standing)]
    return [
        f"prior corrected from {_shares(one['trained'])} to {_shares(one['natural'])}"
        for one in found
        if one.get("trained") and one.get("natural")
    ]


def _shares(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


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
