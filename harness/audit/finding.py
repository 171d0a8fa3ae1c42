"""A finding: one thing that is wrong with data, or worth knowing, and the cases that show it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

Severity = Literal["leak", "fault", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("leak", "fault", "warning", "note")
"""From the worst: test cases are known in training; data is wrong; look at it; good to know."""

Pair = tuple[str, str, float]
"""The ids of two cases, and the correlation of their images as they lie best on each other."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The code of a leak begins with "leak", which `harness check --strict` looks for."""

    severity: Severity
    code: str
    message: str
    cases: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `audit.json` holds it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "cases": list(self.cases),
            "pairs": [[a, b, round(r, 4)] for a, b, r in self.pairs],
        }


def sorted_by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """The worst first, else in their order."""
    return sorted(findings, key=lambda each: SEVERITIES.index(each.severity))


def some(texts: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    more = [f"{len(texts) - most:,} more"] if len(texts) > most else []
    return ", ".join([*texts[:most], *more])


def count(n: int, one: str, several: str = "") -> str:
    """1 case, 2,000 cases."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"
