"""Plain text for a terminal: columns and numbers."""

from collections.abc import Sequence

from harness.record import Measurement


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells under one another, two spaces apart; the last cell of a row is free."""
    widths: dict[int, int] = {}
    for row in rows:
        for index, cell in enumerate(row[:-1]):
            widths[index] = max(widths.get(index, 0), len(cell))
    lines = ["  ".join(cell.ljust(widths.get(i, 0)) for i, cell in enumerate(row)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def number(row: Measurement | None) -> str:
    """A value with its interval: `0.861 [0.80, 0.91]`; whole numbers with separators.

    A narrow interval has the digits of its value, which would seem to lie outside else.
    """
    if row is None:
        return "-"
    if row.value is None:
        return "undefined"
    if row.unit == "parameters":
        return f"{row.value:,.0f}"
    if row.ci is None:
        return f"{row.value:.3f}"
    low, high = row.ci
    places = 2 if high - low >= 0.02 else 3
    return f"{row.value:.3f} [{low:.{places}f}, {high:.{places}f}]"
