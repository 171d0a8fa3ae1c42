"""A verdict as cells of a table: numbers in their units, `-` for what is not known."""

from collections.abc import Iterable

from harness.record import CONDITIONS, Verdict

HEAD = ("baseline -> current", "effect [interval]", "p", "margin", "detectable", "n")
"""What `cells` gives, in order."""


def cells(verdict: Verdict) -> list[str]:
    """From baseline to n. Of a ratio, effect and margin are factors: above x1 is slower."""
    pair = f"{value(verdict.baseline, verdict.unit)} -> {value(verdict.current, verdict.unit)}"
    several = {"subject": "subjects", "image": "images", "process": "processes"}
    over = several.get(verdict.over or "", verdict.over or "")
    n = "-" if verdict.n is None else f"{verdict.n:,} {over}".strip()
    return [
        "-" if verdict.baseline is None and verdict.current is None else pair,
        _effect(verdict),
        _p(verdict.p),
        _change(verdict.margin, verdict.unit) if verdict.ratio is None else f"x{verdict.ratio:g}",
        _change(verdict.minimum_detectable_effect, verdict.unit),
        n,
    ]


def short(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Each gate's name -> without those conditions that all gates of its metric share."""
    by_metric: dict[str, dict[str, list[str]]] = {}
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        metric, _, inside = gate.removesuffix("]").partition("[")
        by_metric.setdefault(metric, {})[gate] = inside.split(",")
    found: dict[str, str] = {}
    for metric, gates in by_metric.items():
        shared = set.intersection(*(set(items) for items in gates.values()))
        dropped = {item for item in shared if item.partition("=")[0] in CONDITIONS}
        for gate, items in gates.items():
            kept = ",".join(item for item in items if item not in dropped)
            found[gate] = gate if not dropped else f"{metric}[{kept}]" if kept else metric
    return found


def value(number: float | None, unit: str) -> str:
    """Shares to four decimals; whole units and large numbers with separators."""
    if number is None:
        return "-"
    if unit == "1" and abs(number) < 100:
        return f"{number:.4f}"
    return f"{number:,.0f}" if unit in ("1", "bytes", "parameters") else f"{number:.4g} {unit}"


def _effect(verdict: Verdict) -> str:
    if verdict.effect is None:
        return "-"
    if verdict.kind == "ratio":
        ends = [f"{end:.3f}" for end in verdict.ci or ()]
        told = f"x{verdict.effect:.3f}"
    else:
        ends = [f"{end:+.4f}" for end in verdict.ci or ()]
        sign = "+" if verdict.effect >= 0 else "-"
        told = sign + value(abs(verdict.effect), verdict.unit)
    return f"{told} [{', '.join(ends)}]" if ends else told


def _change(number: float | None, unit: str) -> str:
    return f"{number:.4f}" if number is not None and unit == "1" else value(number, unit)


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"
