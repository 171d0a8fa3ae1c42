"""A check on a terminal: a line a verdict, the worst first, then why, and a sum at the end."""

from collections.abc import Iterator, Mapping, Sequence

import typer

from harness.record import Verdict
from harness.text import columns
from harness.verbs._cells import HEAD, cells, short
from harness.verbs._checked import Checked

COLOURS = {"missing": "red", "regressed": "red", "error": "red", "not-comparable": "magenta"}
COLOURS |= {"inconclusive": "yellow", "warning": "yellow", "improved": "green", "ok": "green"}


def text(found: Checked, *, colour: bool) -> str:
    """Empty where nothing was judged. Columns that say nothing of any verdict are left out."""
    if all(verdict.status == "not-run" for verdict in found.verdicts):
        return ""
    head = ["status", "model", "gate", *HEAD]
    names = short(found.verdicts)
    rows = [[v.status, v.subject, names[v.gate], *cells(v)] for v in found.verdicts]
    told = [i for i in range(len(head)) if i < 3 or any(row[i] != "-" for row in rows)]
    lines = columns([[row[i] for i in told] for row in (head, *rows)]).splitlines()
    notes = [*_reasons(found.verdicts, names), *_faults(found), *_warnings(found), *_changes(found)]
    end = f"{found.word}: {found.summary}; against {found.against}"
    whole = [*lines, *([""] if notes else []), *notes, "", end]
    return "\n".join(_coloured(line) for line in whole) if colour else "\n".join(whole)


def _reasons(verdicts: Sequence[Verdict], names: Mapping[str, str]) -> Iterator[str]:
    """Why a verdict is not `ok`; a reason that several share is given once."""
    shared: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status not in ("ok", "improved"):
            shared.setdefault((verdict.status, verdict.reason), []).append(verdict)
    for (status, reason), group in shared.items():
        first = group[0]
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        yield f"{status}  {first.subject} {names[first.gate]}{more}: {reason}"


def _faults(found: Checked) -> Iterator[str]:
    for fault in found.faults:
        yield f"error  {fault.subject} {fault.what}: {fault.message}"


def _warnings(found: Checked) -> Iterator[str]:
    for doubt in found.doubts:
        fails = " (fails)" if doubt.fails else ""
        yield f"warning  {doubt.subject} {doubt.what} {doubt.code}{fails}: {doubt.message}"


def _changes(found: Checked) -> Iterator[str]:
    for change in found.changed:
        yield f"changed  {change}"


def _coloured(line: str) -> str:
    word = line.split(" ", 1)[0]
    return typer.style(word, fg=COLOURS[word]) + line[len(word) :] if word in COLOURS else line
