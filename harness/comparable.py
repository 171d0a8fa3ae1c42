"""Which records may be compared: those of the same data, classes, policy and split."""

import re
from collections.abc import Sequence

from harness.baselines import Entry
from harness.means import bearing


def incomparable(pairs: Sequence[tuple[Entry, Entry]]) -> str | None:
    """The sentence why two records must not be compared: data, classes, policy or split differ."""
    for current, baseline in pairs:
        now, then = bearing(current.record), bearing(baseline.record)
        different = next((key for key in now if now[key] != then[key]), None)
        if different is not None:
            sides = (_short(each[different]) for each in (then, now))
            return f"{different} differs: accepted {next(sides)}, now {next(sides)}"
    return None


def _short(told: object) -> str:
    """A digest by its first digits, all else as it is."""
    text = str(told)
    return text[:8] if re.fullmatch("[0-9a-f]{32,}", text) else text
