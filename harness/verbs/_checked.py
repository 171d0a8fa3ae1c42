"""What a check found: verdicts worst first, warnings, faults, and the exit code that follows."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness import gate
from harness.errors import HarnessError
from harness.record import Verdict
from harness.suite import Policy
from harness.trial import LEVEL

ORDER = (
    *("missing", "regressed", "not-comparable", "inconclusive"),
    *("not-run", "new", "improved", "ok"),
)
"""Of statuses, the worst first."""
WORST = (2, 1, 4, 3, 0)
"""Of exit codes, the first that applies decides."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What could not be judged, and why: exit code 2. `what` is a seed, or the gates."""

    subject: str
    what: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A warning of one record, or of a data set's audit; `fails` where it counts as a failure."""

    subject: str
    what: str
    code: str
    message: str
    fails: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """All that a check found. `tests` is how many verdicts share the family-wise level."""

    suite: str
    against: str
    code: int
    verdicts: tuple[Verdict, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    faults: tuple[Fault, ...] = ()
    tests: int = 0
    strict: bool = False
    inconclusive_fails: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many verdicts of each status that occurs, the worst first."""
        found = Counter[str](verdict.status for verdict in self.verdicts)
        return {status: found[status] for status in ORDER if found[status]}

    @property
    def word(self) -> str:
        """The outcome of all, in a word or two."""
        if self.code == 1:
            failed = next((status for status in self.counts if gate.SEVERITY.get(status) == 1), "")
            return failed or "warnings"
        return {0: "passed", 2: "error", 3: "inconclusive", 4: "not comparable"}[self.code]

    @property
    def summary(self) -> str:
        """`3 regressed, 12 ok of 15 gates; family-wise level 1 % over 12 tests`."""
        gates = f"{len(self.verdicts)} gate{'' if len(self.verdicts) == 1 else 's'}"
        each = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        parts = [f"{each} of {gates}" if each else "nothing was judged"]
        if self.tests:
            over = f"{self.tests} test{'' if self.tests == 1 else 's'}"
            parts.append(f"family-wise level {100 * LEVEL:g} % over {over}")
        levels = sorted({v.level for v in self.verdicts if v.ci and v.level})
        if levels:
            parts.append(f"intervals {' and '.join(f'{100 * each:g} %' for each in levels)}")
        if self.faults:
            parts.append(f"{len(self.faults)} could not be judged")
        if self.doubts:
            failing = sum(doubt.fails for doubt in self.doubts)
            strict = f", {failing} of which fail (--strict)" if self.strict else ""
            parts.append(f"{len(self.doubts)} warning{'s'[: len(self.doubts) > 1]}{strict}")
        return "; ".join(parts)

    @property
    def changed(self) -> tuple[str, ...]:
        """What differs between the sides but is no reason not to compare them: versions."""
        return tuple(dict.fromkeys(each for v in self.verdicts for each in v.changed))

    def fails(self, verdict: Verdict) -> bool:
        """Whether this verdict alone would fail the check."""
        tolerated = verdict.status == "inconclusive" and not self.inconclusive_fails
        return verdict.status in gate.SEVERITY and not tolerated

    def as_json(self) -> dict[str, Any]:
        """Every field of every verdict, also where it is null."""
        return {
            "suite": self.suite,
            "against": self.against,
            "outcome": self.word,
            "code": self.code,
            "counts": self.counts,
            "level": LEVEL,
            "tests": self.tests,
            "strict": self.strict,
            "verdicts": [dataclasses.asdict(verdict) for verdict in self.verdicts],
            "warnings": [dataclasses.asdict(doubt) for doubt in self.doubts],
            "errors": [dataclasses.asdict(fault) for fault in self.faults],
        }


def checked(
    suite: str,
    against: str,
    policy: Policy,
    verdicts: Iterable[Verdict],
    doubts: Sequence[Doubt],
    faults: Sequence[Fault],
    **options: Any,
) -> Checked:
    """Verdicts sorted, and the exit code: the worst of what gates, warnings and faults say."""
    found, wrong = sorted(verdicts, key=_badness), list(faults)
    codes = {1 for doubt in doubts if doubt.fails}
    try:
        codes.add(gate.exit_code(found, policy))
    except HarnessError as error:
        if not wrong:
            wrong.append(Fault(subject=suite, what="gates", message=str(error)))
    codes |= {2 for _ in wrong}
    return Checked(
        suite=suite,
        against=against,
        code=next(code for code in WORST if code in codes),
        verdicts=tuple(found),
        doubts=tuple(doubts),
        faults=tuple(wrong),
        inconclusive_fails=policy.inconclusive == "fail",
        **options,
    )


def _badness(verdict: Verdict) -> tuple[int, float]:
    return ORDER.index(verdict.status), 1.0 if verdict.p is None else verdict.p
