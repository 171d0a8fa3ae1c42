"""All that is asked of a dataset, one kind of fault after the other."""

from collections.abc import Callable, Iterator
from pathlib import Path

from harness.audit.ages import ages
from harness.audit.balance import balance
from harness.audit.collected import Collected
from harness.audit.columns import columns
from harness.audit.duplicates import duplicates
from harness.audit.finding import Finding, sorted_by_severity
from harness.audit.gathered import Gathered, Heard, gathered
from harness.audit.intensities import intensities, spacings
from harness.audit.labels import labels
from harness.audit.sexes import sexes
from harness.audit.shortcuts import shortcuts
from harness.audit.subjects import subjects
from harness.audit.volumes import masks
from harness.suite import Dataset

Check = Callable[[Collected], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "subjects": subjects,
    "duplicates": duplicates,
    "labels": labels,
    "intensities": intensities,
    "spacings": spacings,
    "masks": masks,
    "columns": columns,
    "ages": ages,
    "sexes": sexes,
    "balance": balance,
    "shortcuts": shortcuts,
}


def audit(dataset: Dataset, root: Path | None, heard: Heard) -> Gathered:
    """What was read of a dataset, and all findings, the worst first; `heard` is told what is done.

    Raises HarnessError for arguments that its reader does not take.
    """
    known = gathered(dataset, root, heard)
    findings = list(known.findings)
    if known.data is not None:
        for name, check in CHECKS.items():
            heard(name)
            findings += check(known.data)
    return Gathered(data=known.data, findings=sorted_by_severity(findings))
