"""`plan`: the Runs of a suite and what is stale."""

from harness import store
from harness.execute import finished
from harness.plan import folds
from harness.steps import stale
from harness.text import columns
from harness.verbs._scope import Answer, Scope


def planned(scope: Scope) -> Answer:
    """Each Run with what `run` would do for it."""
    rows, data = [], []
    for run in (part for whole in scope.runs for part in folds(scope.suite, whole)):
        digests, folder = scope.digests(run), scope.folder(run)
        todo = stale(store.State.open(folder, run), digests)
        if not todo and finished(folder, run, digests) is None:
            todo = ["record"]
        rows.append([run.id, "to do: " + ", ".join(todo) if todo else "done"])
        data.append({"run": run.id, "stale": todo})
    return Answer(text=columns(rows), data={"runs": data})
