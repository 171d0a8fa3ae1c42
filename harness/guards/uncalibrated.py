"""What was asked of a calibration and not done, as val does not say enough."""

from collections.abc import Iterator, Sequence

from harness.guards.evidence import Doubt, doubt


def not_calibrated(unmet: Sequence[str]) -> Iterator[Doubt]:
    """A sentence each of what was not done, and why: "temperature: val must ..., got ..."."""
    for each in unmet:
        yield doubt(
            "not-calibrated",
            f"the file ships without what the policy asks, {each}; give val more cases, or leave"
            " it out of [policy]",
        )
