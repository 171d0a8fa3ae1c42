"""Seismometer's own tables and drawings of projects, as JSON: `python -m` this, jobs on stdin.

It is a process of its own, as seismometer takes long to import, changes matplotlib for all, and
knows one project at a time. Nothing else imports it.
"""

import functools
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.seismometry._settings import LIMIT

METRICS = ["Accuracy", "Sensitivity", "Specificity", "PPV", "Flag Rate"]
FINEST = 3
"""Thresholds in thousandths of a percent, to which it rounds: in whole ones, its usual, scores
below 0.02 lose their AUROC.
"""
FINE = 2
"""Of curves: in hundredths."""
LEVELS = 50
"""So many thresholds below the largest score draw a curve."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which a colour-blind reader can tell apart."""
TEXT = 11
"""Size of the smallest text: a unit of the drawing is a pixel."""


def main() -> None:
    """Each job's answer into its file `out`; a line on stdout when a job begins: its number."""
    jobs = json.load(sys.stdin)
    shown = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sm = _opened()
    for k, job in enumerate(jobs):
        print(k, file=shown, flush=True)
        try:
            found = _found(sm, job)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        Path(job["out"]).write_text(json.dumps(found), encoding="utf-8")


def _opened() -> Any:
    """Seismometer, with figures whose text is text, as fine as its numbers."""
    import matplotlib
    import seismometer as sm
    from cycler import cycler
    from seismometer.api import plots
    from seismometer.data import cohorts

    sizes = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize")
    own: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "harness", "font.size": TEXT}
    own["axes.prop_cycle"] = cycler(color=COLOURS)
    matplotlib.rcParams.update(own | dict.fromkeys((*sizes, "axes.labelsize"), TEXT))
    interval, by_threshold = plots.calculate_eval_ci, plots.calculate_bin_stats
    plots.calculate_bin_stats = cohorts.calculate_bin_stats = functools.partial(_fine, by_threshold)
    # It would turn the scores themselves into percents, and draw those below 0.01 as such.
    plots.calculate_eval_ci = lambda stats, truth, output, **more: interval(
        stats, truth, output.copy(), **more
    )
    return sm


def _fine(by_threshold: Any, truth: Any, score: Any) -> Any:
    """Its table by threshold: whole percents, and finer ones below a low largest score."""
    top = 100 * float(score.max())
    precision = next(p for p in range(FINE + 1) if top * 10**p >= LEVELS or p == FINE)
    table = by_threshold(truth, score, threshold_precision=precision)
    kept = (table["Threshold"] <= top) | (table["Threshold"] % 1 == 0)
    return table[kept].reset_index(drop=True)


def _found(sm: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    os.chdir(job["folder"])
    sm.run_startup(config_path=".", reset=True)
    sg = sm.Seismogram()
    cohorts = {name: list(values) for name, values in sg.available_cohort_groups.items()}
    return {
        "version": sm.__version__,
        "cohorts": cohorts,
        "targets": [_target(sm, job, target, cohorts) for target in job["targets"]],
    }


def _target(
    sm: Any, job: Mapping[str, Any], target: Mapping[str, str], cohorts: Mapping[str, list[str]]
) -> dict[str, Any]:
    about = (target["event"], target["score"], job["thresholds"])
    places = [(column, value) for column, values in cohorts.items() for value in values]
    each = places if job["each_cohort"] else []
    return {
        "numbers": [
            {"column": column, "value": value, **_numbers(sm, target, column, value)}
            for column, value in [("", ""), *places]
        ],
        "fairness": _fairness(target, cohorts),
        "drawn": [
            {"kind": "all", **_drawn(sm.plot_model_evaluation, {}, *about)},
            *(
                {"kind": "column", "column": column}
                | _drawn(sm.plot_cohort_evaluation, column, values, *about)
                for column, values in cohorts.items()
            ),
            *(
                {"kind": "cohort", "column": column, "value": value}
                | _drawn(sm.plot_model_evaluation, {column: (value,)}, *about)
                for column, value in each
            ),
        ],
    }


def _drawn(draw: Any, *about: Any) -> dict[str, str]:
    """The HTML of a drawing, or of why there is none: it divides by 0 where an AUROC is 1, say."""
    import matplotlib.pyplot as plt

    try:
        return {"html": str(draw(*about).data)}
    except Exception as error:
        return {"html": f"seismometer cannot draw it ({type(error).__name__}: {error})"}
    finally:
        plt.close("all")


def _fairness(target: Mapping[str, str], cohorts: Mapping[str, list[str]]) -> str:
    """The HTML of the audit; "" where no cohort is large enough."""
    from seismometer.data.performance import BinaryClassifierMetricGenerator
    from seismometer.table.fairness import binary_metrics_fairness_table

    if not cohorts:
        return ""
    generator = BinaryClassifierMetricGenerator()
    about = (cohorts, LIMIT, target["event"], target["decided"], 0.5)
    return str(binary_metrics_fairness_table(generator, METRICS, *about).value)


def _numbers(sm: Any, target: Mapping[str, str], column: str, value: str) -> dict[str, Any]:
    """Its AUROC of the probabilities, and its metrics of the decisions; None where it has none."""
    from seismometer.data.performance import BinaryClassifierMetricGenerator

    frame = sm.Seismogram().dataframe
    part = frame[frame[column] == value] if column else frame
    truth, generator = f"{target['event']}_Value", BinaryClassifierMetricGenerator()
    _, overall = generator.calculate_binary_stats(
        part, truth, target["score"], METRICS, threshold_precision=FINEST
    )
    said = generator(part, METRICS, target_col=truth, score_col=target["decided"])
    return dict(_finite({"AUROC": overall["AUROC"], **said}))


def _finite(said: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for name, value in said.items():
        yield name, float(value) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
