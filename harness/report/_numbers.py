"""Numbers as people read them: digits, units, intervals; no more is done than to move a point."""

from harness.record import Measurement

_MILLISECONDS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
_COUNTS = ("parameters_", "parity_flips", "flops")


def number(row: Measurement) -> str:
    """The value of a row, signed where it is a difference; "undefined" where it is."""
    if row.value is None:
        return "undefined"
    text = digits(row.value, row)
    if row.kind == "difference" and row.value > 0:
        return f"+{text}"
    return f"\N{MULTIPLICATION SIGN} {text}" if row.kind == "ratio" else text


def interval(row: Measurement) -> str:
    """`[0.80, 0.91]`, or nothing where the row has no interval."""
    if row.ci is None:
        return ""
    low, high = row.ci
    if row.unit == "1" and high - low >= 0.02:
        return f"[{low:z.2f}, {high:z.2f}]"
    return f"[{digits(low, row)}, {digits(high, row)}]"


def digits(value: float, row: Measurement) -> str:
    """A number in the manner of its row: a count, bytes, milliseconds, or three digits."""
    if row.metric == "size_bytes":
        return size(value)
    if row.metric.startswith(_COUNTS):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    if row.unit in _MILLISECONDS:
        return significant(value * _MILLISECONDS[row.unit])
    return ratio(value) if row.unit == "1" else significant(value)


def tick(value: float, row: Measurement) -> str:
    """A round number beside an axis."""
    if row.metric == "size_bytes":
        return size(value)
    return f"{value * _MILLISECONDS.get(row.unit, 1.0):,.6g}"


def unit(row: Measurement) -> str:
    """What a column of such rows is in; nothing for a plain number, and for bytes, that say it."""
    if row.metric == "size_bytes" or row.metric.startswith(_COUNTS):
        return ""
    return "ms" if row.unit in _MILLISECONDS else row.unit.removeprefix("1")


def ratio(value: float) -> str:
    """Three decimals, and never 0.000 for something that is not nothing."""
    return f"{value:.1e}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"


def chance(value: float, name: str = "") -> str:
    """A p value, `p = 0.0124` where it has a name, with digits to tell its side of 5 %."""
    if value < 0.001:
        return f"{name} < 0.001".strip()
    text = f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"
    return f"{name} = {text}" if name else text


def significant(value: float) -> str:
    """About three significant digits, thousands separated."""
    size_of = abs(value)
    if 0 < size_of < 0.0005:
        return f"{value:.1e}"
    decimals = 0 if size_of >= 100 else 1 if size_of >= 10 else 2 if size_of >= 1 else 3
    return f"{value:,.{decimals}f}"


def size(value: float) -> str:
    """Bytes in powers of a thousand: `678 kB`."""
    for name in ("B", "kB", "MB"):
        if abs(value) < 999.5:
            return f"{value:.3g} {name}"
        value /= 1000
    return f"{value:,.3g} GB"
