"""What each verb of the command line does, given what it was asked: an Answer, printed by `cli`."""

import dataclasses
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import plan, reading, shelf, store
from harness.errors import HarnessError
from harness.plan import Run, Selection
from harness.record import Record, as_json, read_record
from harness.suite import Suite
from harness.text import columns, number

if TYPE_CHECKING:
    from harness.baselines import Entry
    from harness.gate import Side

STEPS = ("fit", "export", "predict", "score", "time")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a verb found: text for people, `data` for --json, and the exit code."""

    text: str
    data: Any
    code: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The selected Runs of a suite, their digests, and where their folders are."""

    suite: Suite
    root: Path | None
    place: Path
    runs: tuple[Run, ...]

    def digests(self, run: Run) -> dict[str, str]:
        """Raises HarnessError where the data or a named file is missing."""
        return plan.digests(self.suite, run, self.root)

    def folder(self, run: Run) -> Path:
        """Only the folder whose fit digest is the plan's."""
        return store.run_folder(self.place, run, self.digests(run)["fit"])

    def record(self, run: Run) -> Record | None:
        """The current record of a Run, or None where there is none."""
        path = self.folder(run) / "record.json"
        return read_record(path) if path.is_file() else None


def open_scope(
    name: str,
    globs: Sequence[Sequence[str] | None],
    sets: Sequence[str] | None,
    smoke: bool,
    root: Path | None,
    place: Path,
) -> Scope:
    """Read the suite and expand the selection (globs of dataset, model, seed and device)."""
    suite = reading.load(name, sets or (), smoke)
    datasets, models, seeds, devices = (tuple(each or ()) for each in globs)
    selection = Selection(
        datasets=datasets, models=models, seeds=seeds, devices=devices or ("auto",)
    )
    runs = tuple(plan.expand(suite, selection))
    return Scope(suite=suite, root=root, place=place, runs=runs)


def listing(shelf_name: str | None) -> Answer:
    """Suites and shelves, or one of them with the first line of each file."""
    suites = reading.known("suites")
    contents = {"suites": suites, **{name: shelf.names(name) for name in shelf.SHELVES}}
    if shelf_name is None:
        rows = [[name, ", ".join(items)] for name, items in contents.items()]
        return Answer(text=columns(rows), data=contents)
    if shelf_name not in contents:
        known = ", ".join(contents)
        raise HarnessError(f"the shelf must be one of {known}, got {shelf_name!r}")
    described = {name: _describe(shelf_name, name) for name in contents[shelf_name]}
    return Answer(text=columns([[*pair] for pair in described.items()]), data=described)


def _describe(shelf_name: str, name: str) -> str:
    if shelf_name == "suites":
        return reading.title(name)
    if shelf_name == "backends":
        reason = shelf.load("backends", name).available()
        return f"unavailable: {reason}" if reason else "available"
    return shelf.summary(shelf_name, name)


def planned(scope: Scope) -> Answer:
    """Each Run with its stale steps."""
    rows, data = [], []
    for run in scope.runs:
        digests = scope.digests(run)
        state = store.State.open(store.run_folder(scope.place, run, digests["fit"]), run)
        stale = [step for step in STEPS if state.done(step, digests[step]) is None]
        rows.append([run.id, "to do: " + ", ".join(stale) if stale else "done"])
        data.append({"run": run.id, "stale": stale})
    return Answer(text=columns(rows), data={"runs": data})


def run(scope: Scope, *, fresh: bool, quiet: bool, debug: bool) -> Answer:
    """Bring every Run up to date. A failed one does not stop the others; the code is 2 then."""
    from harness.execute import execute
    from harness.progress import Progress

    progress = Progress(quiet)
    records = []
    try:
        for index, each in enumerate(scope.runs, 1):
            if fresh:
                shutil.rmtree(scope.folder(each), ignore_errors=True)
            progress.say(f"[{index}/{len(scope.runs)}] {each.id}")
            record = execute(
                scope.suite,
                each,
                scope.digests(each),
                root=scope.root,
                runs=scope.place,
                progress=progress,
                debug=debug,
            )
            if record.status == "failed":
                progress.say(f"{each.id} failed: {record.error}")
            records.append(record)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return Answer(text="", data=None, code=130)
    finally:
        progress.close()
    failed = [record for record in records if record.status != "ok"]
    folders = [str(scope.folder(each)) for each in scope.runs]
    data = {"records": [as_json(record.run) | {"status": record.status} for record in records]}
    text = columns([HEAD, *(_line(record) for record in records)])
    return Answer(text=text, data={**data, "folders": folders}, code=2 if failed else 0)


HEAD = ["run", "status", "roc_auc", "accuracy", "majority", "parameters", "p50 ms"]


def _line(record: Record) -> list[str]:
    if record.status == "failed":
        return [str(record.run["id"]), "failed", f"{record.error}"]
    latency = next((row for row in record.measurements if row.metric == "latency_p50"), None)
    cells = [record.find(name) for name in ("roc_auc", "accuracy", "majority_rate")]
    size = record.find("parameters_trainable") or record.find("parameters_total")
    return [str(record.run["id"]), record.status, *map(number, [*cells, size, latency])]


def check(scope: Scope, baselines: Path) -> Answer:
    """Verdicts of every gate on every selected model, worst first."""
    from harness import gate
    from harness.baselines import accepted

    found = []
    for side, example in _sides(scope):
        found += gate.verdicts(scope.suite, side, accepted(baselines, example))
    order = ("missing", "regressed", "not-comparable", "inconclusive")
    found.sort(key=lambda verdict: (*order, verdict.status).index(verdict.status))
    rows = [[v.status, v.subject, v.gate, v.reason] for v in found]
    code = gate.exit_code(found, scope.suite.policy)
    return Answer(text=columns(rows), data={"verdicts": as_json(found), "code": code}, code=code)


def _sides(scope: Scope) -> list[tuple["Side", Run]]:
    """One a model, dataset and device; a failed or absent record is refused or left out."""
    from harness.baselines import shipped
    from harness.gate import Side

    groups: dict[str, list[Run]] = {}
    for each in scope.runs:
        groups.setdefault(each.id.rpartition("/")[0], []).append(each)
    sides = []
    for subject, members in groups.items():
        entries, predictions = {}, {}
        for each in members:
            record = scope.record(each)
            if record is not None and record.status != "ok":
                raise HarnessError(f"{each.id} must be ok, got {record.status}: {record.error}")
            if record is not None:
                entries[each.seed] = _entry(record)
                predictions[each.seed] = shipped(scope.folder(each))
        side = Side(subject=subject, entries=entries, predictions=predictions)
        sides.append((side, members[0]))
    if not any(side.entries for side, _ in sides):
        raise HarnessError(
            f"{scope.suite.name} must be measured first, got no record in {scope.place}; "
            f"harness run {scope.suite.name}"
        )
    return sides


def _entry(record: Record, folder: Path | None = None) -> "Entry":
    from harness.baselines import Entry, history

    return Entry(record=record, probability=None, history=history(folder) if folder else ())


def accept(scope: Scope, baselines: Path, *, allow_dirty: bool) -> Answer:
    """Promote every selected Run that has a record; none is an error."""
    from harness import baselines as accepted

    done = [run for run in scope.runs if scope.record(run) is not None]
    if not done:
        raise HarnessError(
            f"accept must find a record in {scope.place}, got none; harness run {scope.suite.name}"
        )
    paths = [
        accepted.accept(scope.folder(run), run, baselines, allow_dirty=allow_dirty) for run in done
    ]
    skipped = [[run.id, "no record, not accepted"] for run in scope.runs if run not in done]
    rows = [[run.id, str(path)] for run, path in zip(done, paths, strict=True)]
    return Answer(text=columns(rows + skipped), data={"accepted": [str(path) for path in paths]})


def compare(scope: Scope, a: str, b: str) -> Answer:
    """Paired differences of every metric, a minus b in the better direction."""
    from harness.compare import difference

    rows, data = [["dataset", "metric", a, b, "gain", "interval"]], []
    for dataset, left, right in _pairs(scope, a, b):
        for spec in scope.suite.metrics:
            found = difference(spec, left, right, scope.suite.policy.interval.level)
            if isinstance(found, str):
                rows.append([dataset, spec.name, found])
                continue
            low, high = found.ci
            numbers = [f"{found.a:.4f}", f"{found.b:.4f}", f"{found.effect:+.4f}"]
            rows.append([dataset, spec.name, *numbers, f"[{low:+.4f}, {high:+.4f}]"])
            data.append({"dataset": dataset, **as_json(found)})
    return Answer(text=columns(rows), data={"differences": data})


def _pairs(scope: Scope, a: str, b: str) -> list[tuple[str, list[Any], list[Any]]]:
    """Test predictions of two models by dataset, over their common seeds; or of two folders."""
    from harness.baselines import shipped

    if os.sep in a or os.sep in b:
        left, right = shipped(Path(a)), shipped(Path(b))
        if list(left.id) != list(right.id) or list(left.y_true) != list(right.y_true):
            raise HarnessError(f"{a} and {b} must hold the same cases, got different ones")
        return [("", [left], [right])]
    for name in (a, b):
        if name not in scope.suite.models:
            known = ", ".join(scope.suite.models)
            raise HarnessError(f"a model must be one of {known}, or a run folder, got {name!r}")
    found: dict[str, dict[tuple[str, int], Any]] = {}
    for run in scope.runs:
        if run.model in (a, b) and scope.record(run) is not None:
            found.setdefault(run.dataset, {})[run.model, run.seed] = shipped(scope.folder(run))
    pairs = []
    for dataset, tables in found.items():
        seeds = [seed for model, seed in tables if model == a and (b, seed) in tables]
        if seeds:
            pairs.append((dataset, [tables[a, s] for s in seeds], [tables[b, s] for s in seeds]))
    if not pairs:
        raise HarnessError(f"{a} and {b} must share a dataset and seed in {scope.place}, got none")
    return pairs


def report(recipe_name: str, root: Path | None, place: Path, baselines: Path, out: Path) -> Answer:
    """Write NAME.md and NAME.html of a recipe into `out`."""
    from harness.baselines import all_accepted
    from harness.compare import standings
    from harness.report import read_recipe, render

    recipe = read_recipe(reading.find("reports", recipe_name))
    entries = []
    for name in recipe.suites:
        if recipe.source == "baselines":
            entries += all_accepted(baselines, name)
            continue
        scope = open_scope(name, (None, None, None, None), None, False, root, place)
        pairs = [(scope.record(run), scope.folder(run)) for run in scope.runs]
        entries += [_entry(record, folder) for record, folder in pairs if record is not None]
    if not entries:
        where = baselines if recipe.source == "baselines" else place
        raise HarnessError(f"a report must have records, got none of {recipe.suites} in {where}")
    pages = []
    for kind in ("md", "html"):
        path = out / f"{recipe.name}.{kind}"
        store.write(path, render(recipe, standings(entries), kind))
        pages.append(str(path))
    return Answer(text="\n".join(pages), data={"pages": pages})


def doctor() -> Answer:
    """Backends with the reason where one is unavailable, and the conditions of a measurement."""
    from harness.environment import environment

    backends = {name: _describe("backends", name) for name in shelf.names("backends")}
    conditions = environment()
    rows = [[*pair] for pair in backends.items()]
    rows += [[key, str(value)] for key, value in conditions.items()]
    return Answer(text=columns(rows), data={"backends": backends, "environment": conditions})
