"""Pieces of an answer: a number as a sentence has it, and nothing where a record says nothing."""

from collections.abc import Iterable

from harness.record import Measurement
from harness.report import _numbers, _words
from harness.report._known import UNSAID


def number(row: Measurement | None) -> str:
    """A row as a sentence has it: name, value, interval, n; its reason where it is undefined."""
    if row is None:
        return ""
    name = _words.label(row.metric)
    if row.value is None:
        return f"{name} undefined: {row.reason}"
    parts = (name, _numbers.number(row), _numbers.unit(row), _numbers.interval(row))
    n = "" if row.n is None else f"(n = {row.n:,} {row.over or 'case'}s)"
    return " ".join(part for part in (*parts, n) if part)


def said(text: str) -> str:
    """Nothing in place of what the record does not say."""
    return "" if UNSAID in text else text


def joined(parts: Iterable[str]) -> str:
    """Those that are not empty, each once."""
    return "; ".join(dict.fromkeys(part for part in parts if part))
