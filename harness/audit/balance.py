"""Balance: how classes and groups are spread over the splits."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.audit.ages import plain
from harness.audit.collected import Array, Collected, Texts
from harness.audit.finding import Finding, some
from harness.audit.words import is_unknown

FEWEST = 10
"""Cases of a class, below which a metric by class says little."""
LEVEL, EFFECT = 0.01, 0.1
"""Of a chi-square test, and Cramér's V (1946, section 21.9) from which on it matters."""
MOST = 12
"""Values of a column from which on it is numbers in bands, or names."""


def balance(data: Collected) -> Iterator[Finding]:
    """Classes and groups by split, as notes; and where the splits differ by more than chance.

    Tested over subjects, the first case of each, Bonferroni over what there is to test.
    """
    yield _classes(data)
    yield from _few(data)
    firsts = np.unique(_in_splits(data), return_index=True)[1]
    tables = {"the classes": _labels(data)}
    columns = plain(data)
    tables |= {repr(name): binned(column) for name, column in columns.items()}
    for name, column in columns.items():
        yield _group(data, name, column)
    for what, values in tables.items():
        known = firsts[values[firsts] != ""]
        p, effect = _shift(data.split[known], values[known])
        if p * len(tables) < LEVEL and effect >= EFFECT:
            yield Finding(
                severity="warning",
                code="class-shift" if what == "the classes" else "group-shift",
                message=f"{what} differ between the splits by more than chance (chi-square, "
                f"p {p * len(tables):.1g} after Bonferroni, Cramér's V {effect:.2f}): what is "
                "measured on test is of another mix than what was trained on",
            )


def _in_splits(data: Collected) -> NDArray[np.int64]:
    """(n,) the code of a subject in a split."""
    split = np.unique(data.split, return_inverse=True)[1]
    return np.asarray(data.units() * (split.max() + 1) + split)


def _labels(data: Collected) -> Texts:
    return np.array([data.label(row) for row in range(len(data))])


def _has(data: Collected) -> NDArray[np.bool_]:
    """(n, classes): whether a case is of a class, or has a label."""
    if data.targets.ndim == 2:
        return np.asarray(data.targets == 1)
    return np.asarray(data.targets[:, None] == np.arange(len(data.classes)))


def _classes(data: Collected) -> Finding:
    has = _has(data)
    told = []
    for split in data.splits:
        here = has[data.split == split]
        each = [f"{name} {n:,}" for name, n in zip(data.classes, here.sum(axis=0), strict=True)]
        told.append(f"{split} {len(here):,} ({some(each, 20)})")
    return Finding(severity="note", code="classes", message="cases by split: " + ", ".join(told))


def _few(data: Collected) -> Iterator[Finding]:
    """Classes of which a split has too few, or none."""
    has = _has(data)
    for split in data.splits:
        here = has[data.split == split].sum(axis=0)
        rare = [f"{name} {n:,}" for name, n in zip(data.classes, here, strict=True) if n < FEWEST]
        if rare:
            yield Finding(
                severity="warning",
                code="few-cases",
                message=f"{split} has fewer than {FEWEST} cases of {some(rare)}: what is measured "
                "of them has a wide interval, or none",
            )


def _group(data: Collected, name: str, column: Texts) -> Finding:
    values = sorted({text for text in column.tolist() if not is_unknown(text)})
    told = []
    for split in data.splits:
        here = column[data.split == split]
        if len(values) <= MOST:
            each = [f"{text} {np.count_nonzero(here == text):,}" for text in values]
            told.append(f"{split} {', '.join(each) or 'nothing known'}")
        elif (numbers := as_numbers(here)) is not None:
            low, middle, high = np.nanquantile(numbers, [0.25, 0.5, 0.75])
            told.append(f"{split} median {middle:g} (quartiles {low:g} to {high:g})")
        else:
            told.append(f"{split} {len(set(here.tolist())):,} values")
    return Finding(severity="note", code="groups", message=f"{name!r} by split: {'; '.join(told)}")


def as_numbers(column: Texts) -> Array | None:
    """(n,), NaN where nothing is known; None where anything is no number, or all is unknown."""
    try:
        found = np.array([np.nan if is_unknown(t) else float(t) for t in column.tolist()])
    except ValueError:
        return None
    return None if np.isnan(found).all() else found


def binned(column: Texts, bins: int = 8) -> Texts:
    """Values as they are, or numbers of more than 12 kinds in as many bins of equal size.

    "" where nothing is known; names of which there are more than 12 are "" too if they are rare.
    """
    plain = np.array(["" if is_unknown(text) else text for text in column.tolist()])
    kinds, times = np.unique(plain[plain != ""], return_counts=True)
    if len(kinds) <= MOST:
        return plain
    numbers = as_numbers(column)
    if numbers is None:
        common = kinds[np.argsort(-times, kind="stable")][:MOST]
        return np.where(np.isin(plain, common[np.isin(common, kinds[times >= FEWEST])]), plain, "")
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]))
    codes = np.searchsorted(edges, numbers, side="right").astype(str)
    return np.where(np.isnan(numbers), "", codes)


def _shift(split: Texts, values: Texts) -> tuple[float, float]:
    """p and Cramér's V of a table of splits by values; 1 and 0 where there is nothing to compare.

    Values of which there are fewer than 10 are one.
    """
    from scipy.stats import chi2_contingency  # type: ignore[import-untyped]

    kinds, codes, times = np.unique(values, return_inverse=True, return_counts=True)
    codes = np.where(times[codes] >= FEWEST, codes, len(kinds))
    rows, columns = (np.unique(each, return_inverse=True)[1] for each in (split, codes))
    if not len(values) or rows.max() == 0 or columns.max() == 0:
        return 1.0, 0.0
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    found = chi2_contingency(table)
    effect = np.sqrt(found.statistic / (len(values) * (min(table.shape) - 1)))
    return float(found.pvalue), float(effect)
