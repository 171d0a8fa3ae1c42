"""The command line of `audit`, which imports what it needs."""

from pathlib import Path

from harness.verbs import _options as of
from harness.verbs._frame import give, opened


def audit(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    data: of.Data = None,
    out: of.Out = Path("runs"),
    as_json: of.Json = False,
    debug: of.Debug = False,
    quiet: of.Quiet = False,
) -> None:
    """Faults of the data, before any training: duplicates, leaks, labels, metadata, shortcuts.

    Writes audit.json beside the Runs of each dataset, which `check` reads: with --strict a leak
    fails there, and so does an audit of other data. Exit code 2 where nothing could be read.
    """
    from harness.verbs import audit as verb

    scope = opened(suite, (dataset, None, None, ["cpu"]), data, out, sets=())
    give(verb.audited(scope, quiet=quiet), as_json)
