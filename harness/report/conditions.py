"""Where the numbers come from: data, machine, versions, training, parity of the export."""

from collections.abc import Mapping
from typing import Any

from harness.record import Measurement, Record
from harness.report import _cells, _numbers, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._view import Group, Line, View
from harness.standings import Standing

_LEAD = (
    "What has to be the same before two pages may be compared, and what was done to get here. "
    "Steps are in seconds; a change (Δ) is what the export made of a metric."
)
_NAMES = {
    "cpu": "CPU",
    "gpus": "GPUs",
    "memory_gb": "memory, GB",
    "arch": "architecture",
    "dirty": "uncommitted changes",
    "fit_threads": "threads in training",
}
_DATA = {
    "data": "Fingerprint",
    "classes": "Classes",
    "source.licence": "Licence",
    "source.citation": "Citation",
    "source.url": "Address",
}


def section(view: View) -> str:
    """Data, machine and software once; every run, dataset by dataset."""
    return view.chapter(
        "Conditions",
        view.topic("Data", view.table("Data", [_data(group) for group in view.datasets()])),
        view.topic("Machine and software", view.table("Environment", _environment(view))),
        *view.each(_runs),
        lead=_LEAD,
    )


def _data(group: Group) -> Line:
    records = [record for standing in group.standings for record in standing.records]
    known = [_flat({**record.run, **_classes(record), **_data_of(record)}) for record in records]
    name = Column(label="Dataset", numeric=False, names_row=True)
    facts = {_words_in(label): _distinct(known, key) for key, label in _DATA.items()}
    return {name: _cells.text(group.dataset, group.suite), **facts}


def _classes(record: Record) -> dict[str, str]:
    """By number, since a name may have commas of its own; in masks 0 is the background."""
    names, first = record.run.get("classes") or (), int(record.run.get("task") == "segment")
    listed = ", ".join(f"{index} = {name}" for index, name in enumerate(names, start=first))
    return {"classes": listed} if listed else {}


def _data_of(record: Record) -> dict[str, str]:
    """As much of a fingerprint as tells one from another, on a line."""
    found = record.run.get("data")
    return {"data": str(found)[:32]} if found else {}


def _environment(view: View) -> list[Line]:
    """A line a condition, a column a suite."""
    known: dict[str, list[dict[str, str]]] = {}
    for standing in view.standings:
        known.setdefault(standing.suite, []).extend(_flat(r.environment) for r in standing.records)
    name = Column(label="Condition", numeric=False, names_row=True)
    keys = dict.fromkeys(key for found in known.values() for one in found for key in one)
    return [
        {
            name: _cells.text(_NAMES.get(key, key.removeprefix("packages."))),
            **{_words_in(suite): _distinct(found, key) for suite, found in known.items()},
        }
        for key in keys
    ]


def _runs(view: View, group: Group) -> str:
    lines = [_run(s, record) for s in group.standings for record in s.records]
    return view.table(f"Runs of {group.dataset}", lines)


def _run(standing: Standing, record: Record) -> Line:
    chosen = _flat(record.selection)
    return {
        MODEL: _cells.text(standing.model),
        Column(label="Seed"): _cells.text(str(record.run.get("seed", ""))),
        _words_in("Status"): _cells.text(record.status, record.error or ""),
        **{_words_in(_spaced(key)): _cells.text(value) for key, value in chosen.items()},
        **{_seconds(step): _took(value) for step, value in record.seconds.items()},
        **{_parity(row): _cells.measured(row) for row in record.measurements if _compares(row)},
    }


def _compares(row: Measurement) -> bool:
    """Whether a row holds the exported file against its torch twin."""
    return row.metric.startswith("parity_") or row.where == {"variant": "torch"}


def _parity(row: Measurement) -> Column:
    if row.kind != "difference":
        return _cells.column(row)
    name = _words.label(row.metric)
    return _cells.column(row, f"Δ {name}", f"{name} of the exported file minus that of torch.")


def _seconds(step: str) -> Column:
    return Column(label=step.capitalize(), unit="s")


def _took(seconds: float) -> Cell:
    return Cell(text=_numbers.significant(seconds), sort=seconds)


def _words_in(label: str) -> Column:
    return Column(label=label, numeric=False)


def _spaced(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _distinct(known: list[dict[str, str]], key: str) -> Cell:
    return _cells.text(_cells.listed(one.get(key) for one in known))


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested mapping as dotted keys and texts; None is left out."""
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[prefix + key] = _plain(value)
    return found


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
