"""The notebook of a project: it opens it, and shows seismometer's controls."""

from collections.abc import Sequence
from typing import Any

FILE = "audit.ipynb"

_PRECISE = """\
from seismometer.data.performance import BinaryClassifierMetricGenerator

sg = sm.Seismogram()
said, overall = BinaryClassifierMetricGenerator().calculate_binary_stats(
    sg.dataframe, sg.target, sg.output, ["Sensitivity", "Specificity", "PPV"], threshold_precision=3
)
overall"""

CELLS = (
    ("How this data looks", ("sm.show_info(plot_help=True)", "sm.cohort_list()")),
    ("Fairness audit", ("sm.ExploreFairnessAudit()",)),
    ("Model evaluation", ("sm.ExploreModelEvaluation()", "sm.ExploreAnalyticsTable()")),
    (
        "Cohorts",
        ("sm.ExploreCohortEvaluation()", "sm.ExploreCohortHistograms()", "sm.ExploreSubgroups()"),
    ),
    ("AUROC of scores that lie close together", (_PRECISE,)),
)
_START = (
    "%matplotlib inline\nimport seismometer as sm\n\nsm.run_startup(config_path='.', reset=True)"
)


def notebook(title: str, notes: Sequence[str]) -> dict[str, Any]:
    """A notebook (nbformat 4.5) without outputs; `notes` are sentences below its title."""
    listed = "\n".join(f"- {note}" for note in notes)
    told = [("markdown", f"# {title}\n\n{listed}"), ("code", _START)]
    for heading, cells in CELLS:
        told += [("markdown", f"## {heading}"), *(("code", code) for code in cells)]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": [_cell(k, kind, text) for k, (kind, text) in enumerate(told)],
    }


def _cell(k: int, kind: str, text: str) -> dict[str, Any]:
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    source = text.splitlines(keepends=True)
    return {"cell_type": kind, "id": f"cell-{k}", "metadata": {}, "source": source, **code}
