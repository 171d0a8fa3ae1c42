"""A check as Markdown of one screen: for a comment on a pull request, or the summary of a step."""

import re
from collections.abc import Iterator, Sequence

from harness.record import Verdict
from harness.verbs._cells import HEAD, cells, short
from harness.verbs._checked import Checked

ROWS, FOLDED, LONGEST = 20, 100, 300
"""Rows that are seen at once, rows that are folded away, and characters of one cell."""
SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
QUIET = ("ok", "improved", "new", "not-run")
"""Statuses that are folded away."""


def markdown(found: Checked) -> str:
    """A headline, what matters, warnings, what differs between the sides, and the rest folded."""
    loud = [verdict for verdict in found.verdicts if verdict.status not in QUIET]
    quiet = [verdict for verdict in found.verdicts if verdict.status in QUIET]
    blocks = [
        f"### harness check {cell(found.suite)}: {cell(found.word)}",
        f"{cell(found.summary)}; against {cell(found.against)}",
        *_list("Could not be judged", [f"{f.subject} {f.what}: {f.message}" for f in found.faults]),
        *_table(loud, ROWS),
        *_list("Warnings", list(_warnings(found))),
        *_list("Differs between the sides", found.changed),
        *_folded(quiet),
    ]
    return "\n\n".join(blocks) + "\n"


def cell(text: str) -> str:
    """Text that is shown as it is: on one line, nothing in it is markup, and cut where too long."""
    flat = " ".join(text.encode(errors="replace").decode().split())
    short = flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
    safe = short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", safe)


def _table(verdicts: Sequence[Verdict], most: int) -> Iterator[str]:
    if not verdicts:
        return
    gates = short(verdicts)
    rows = [[v.status, v.subject, gates[v.gate], *cells(v), v.reason] for v in verdicts[:most]]
    names = ["Status", "Model", "Gate", "Why"]
    head = [
        *names[:3],
        *(name[:1].upper() + name[1:] if name[1:] else name for name in HEAD),
        names[3],
    ]
    told = [i for i in range(len(head)) if head[i] in names or any(r[i] != "-" for r in rows)]
    lines = [[head[i] for i in told], [":---"] * len(told)]
    lines += [[cell(row[i]) for i in told] for row in rows]
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if len(verdicts) > most:
        yield f"… and {len(verdicts) - most} more"


def _list(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        lines = [f"* {cell(item)}" for item in items[:ROWS]]
        more = [f"* … and {len(items) - ROWS} more"] if len(items) > ROWS else []
        yield "\n".join([f"**{title}**", "", *lines, *more])


def _warnings(found: Checked) -> Iterator[str]:
    for doubt in sorted(found.doubts, key=lambda doubt: not doubt.fails):
        fails = " (fails)" if doubt.fails else ""
        yield f"{doubt.subject} {doubt.what} {doubt.code}{fails}: {doubt.message}"


def _folded(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if verdicts:
        counts = {s: sum(v.status == s for v in verdicts) for s in QUIET}
        words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        yield f"<details><summary>{words}</summary>"
        yield from _table(sorted(verdicts, key=lambda v: QUIET.index(v.status)), FOLDED)
        yield "</details>"
