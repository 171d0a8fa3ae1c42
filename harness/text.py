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
    """A value with its interval: `0.861 [0.80, 0.91]`; whole numbers with separators."""
    if row is None:
        return "-"
    if row.value is None:
        return "undefined"
    if row.unit == "parameters":
        return f"{row.value:,.0f}"
    value = f"{row.value:.3f}"
    return f"{value} [{row.ci[0]:.2f}, {row.ci[1]:.2f}]" if row.ci else value
