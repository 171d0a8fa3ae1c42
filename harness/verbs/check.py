"""`check`: verdicts of a suite's gates on its records."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import disk, gate, plan
from harness.errors import HarnessError
from harness.plan import EXTERNAL
from harness.progress import Progress
from harness.record import Verdict
from harness.trial import Trial, settled
from harness.verbs import _published
from harness.verbs._against import PUBLISHED, Asked, OtherCases, Reader, elsewhere, of_base, reader
from harness.verbs._checked import Checked, Fault, checked
from harness.verbs._doubts import is_latency, of_audits, of_records
from harness.verbs._junit import junit
from harness.verbs._markdown import markdown
from harness.verbs._scope import Answer, Scope
from harness.verbs._sides import Measured, sides
from harness.verbs._terminal import text

Found = Sequence[Trial | Verdict]


def answer(suite: str, opened: Callable[[], Scope], asked: Asked) -> Answer:
    """What `check` finds, as text and in the files asked for; `opened` gives the scope.

    The files are written whatever happens, before anybody knows the exit code. Raises HarnessError
    where the suite, the selection or an option is wrong, or a file cannot be written.
    """
    _refuse_places(asked)
    try:
        found = check(opened(), asked)
    except Exception as error:
        fault = Fault(subject=suite, what="check", message=_sentence(error))
        with contextlib.suppress(HarnessError):
            _write(asked, Checked(suite=suite, against=asked.what, code=2, faults=(fault,)))
        raise
    _write(asked, found)
    if found.faults:
        more = f" (and {len(found.faults) - 1} more)" if len(found.faults) > 1 else ""
        Progress().warn(f"{' '.join(found.faults[0].message.split())}{more}")
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Answer(text=text(found, colour=colour), data=found.as_json(), code=found.code)


def check(scope: Scope, asked: Asked) -> Checked:
    """Verdicts of every gate on every selected model, worst first, and the warnings of records.

    What cannot be judged is a fault, and does not hide the rest. Raises HarnessError where
    --against or --base names no folder that will do, or an audit is broken.
    """
    if asked.base is not None:
        elsewhere(scope, "--base", asked.base)
    published = asked.against == PUBLISHED
    known = None if published else reader(scope, asked.against, asked.baselines)
    measured = sides(scope)
    faults = [fault for side in measured for fault in side.faults]
    pending = [one for side in measured for one in _judged(scope, side, known, asked, faults)]
    if published:
        pending += _published.verdicts(scope, measured, asked.baselines, faults)
    verdicts = settled(pending)
    doubts = of_records(measured, strict=asked.strict)
    return checked(
        scope.suite.name,
        asked.what,
        scope.suite.policy,
        verdicts,
        [*of_audits(scope, strict=asked.strict), *doubts],
        faults,
        tests=sum(isinstance(one, Trial) for one in pending),
        strict=asked.strict,
    )


def _judged(
    scope: Scope, side: Measured, known: Reader | None, asked: Asked, faults: list[Fault]
) -> Found:
    """Of one model; what stands in the way is added to `faults`. Without `known`, latency alone."""
    if side.faults and not side.folders:
        return []
    try:
        found = _quality(scope, side, known)
        if asked.base is None or side.runs[0].device == EXTERNAL:
            return found
        return [*(one for one in found if not is_latency(one.gate)), *_timed(scope, side, asked)]
    except HarnessError as error:
        faults.append(Fault(subject=side.subject, what="gates", message=str(error)))
        return []


def _quality(scope: Scope, side: Measured, known: Reader | None) -> Found:
    try:
        accepted = known(side) if known else {}
    except OtherCases as error:
        return [
            Verdict(
                gate=each.name, subject=side.subject, status="not-comparable", reason=f"{error}"
            )
            for each in scope.suite.gates
        ]
    if not side.folders and not accepted:
        raise HarnessError(
            f"{side.subject} must be measured first, got no record in {scope.place}; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    return gate.verdicts(scope.suite, side.side, accepted) if known else []


def _timed(scope: Scope, side: Measured, asked: Asked) -> Found:
    """Both files of each latency gate, in turns on this machine; of folds those of the first."""
    from harness import speed

    files = [plan.folds(scope.suite, run)[0] for run in side.runs if run.seed in side.folders]
    head = {run.seed: scope.folder(run) for run in files}
    base = of_base(asked.base or Path(), files)
    return speed.trials(scope.suite, side.subject, base, head, say=Progress().say)


def _refuse_places(asked: Asked) -> None:
    """Before anything is measured, which may take minutes."""
    files = {"--junit": asked.junit, "--markdown": asked.markdown}
    for option, path in files.items():
        if path is not None and path.is_dir():
            raise HarnessError(f"{option} must be a file, got the folder {path}; name a file in it")
    if asked.junit is not None and asked.junit == asked.markdown:
        raise HarnessError(f"--junit and --markdown must be two files, got {asked.junit} for both")


def _write(asked: Asked, found: Checked) -> None:
    """Each file whole. Raises HarnessError for the first that cannot be, after all were tried."""
    pages = ((asked.junit, junit), (asked.markdown, markdown))
    with contextlib.ExitStack() as stack:
        for path, page in pages:
            if path is not None:
                stack.callback(disk.write, path, page(found))


def _sentence(error: Exception) -> str:
    said = str(error).partition("\n")[0]
    return said if isinstance(error, HarnessError) else f"{type(error).__name__}: {said}"
