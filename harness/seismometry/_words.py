"""What the page of a project says around tables and drawings."""

AGREEMENT = (
    "Each number twice: seismometer's, and below it the harness's own of the same cases. AUROC is "
    "of the probabilities, by thresholds of a thousandth of a percent; the others are of the "
    "decisions. Intervals of the harness's numbers are in its report. Where nothing is decided "
    "positive, seismometer calls PPV 1; here it is undefined."
)
FAIRNESS = (
    "Each cohort is held against the largest of its column. A metric within a quarter (1 / 1.25 to "
    "1.25 times) counts as within, beyond that as lower or higher, beyond a half as much lower or "
    "much higher; percent are of the largest cohort's value. These flags know nothing of chance: a "
    "small cohort is flagged more easily, and tests with intervals are in the harness's report."
)
ALERTS = ("lower", "higher", "much lower", "much higher", "not compared")

CHAPTERS = {"all": "Model evaluation", "column": "Cohorts together", "cohort": "Cohorts one by one"}
"""Kind of drawing -> the chapter that it is in."""
_SIX = (
    "Above: the ROC curve, sensitivity by the share that is flagged, and calibration in ten bins. "
    "Below: PPV by sensitivity; sensitivity, specificity and PPV by threshold; and a histogram. "
    "Shaded are 95 % regions, which take cases for independent. The dashed line is the threshold."
)
LEADS = {
    "all": _SIX,
    "column": "Sensitivity, flag rate, PPV, specificity and NPV by threshold, a colour a cohort.",
    "cohort": f"The same six of one cohort. {_SIX}",
}
DESCRIBED = {
    "all": "Six panels about {target}: ROC curve, sensitivity by flag rate, calibration, PPV by "
    "sensitivity, metrics by threshold, histogram. AUROC, and metrics at the threshold, are in the "
    "table of the chapter Beside the harness.",
    "column": "Five panels about {target} by {about}, a line a cohort: sensitivity, flag rate, "
    "PPV, specificity and NPV by threshold. Values at the threshold are in the tables above.",
    "cohort": "Six panels about {target} in the cohort {about}: ROC curve, sensitivity by flag "
    "rate, calibration, PPV by sensitivity, metrics by threshold, histogram. Values at the "
    "threshold are in the tables above.",
}
METRICS = {
    "AUROC": "Chance that a positive case scores above a negative one; 0.5 is guessing.",
    "Accuracy": "Share of cases decided rightly.",
    "Sensitivity": "Share of the positive cases that are found.",
    "Specificity": "Share of the negative cases that are left alone.",
    "PPV": "Share of the positive decisions that are right.",
    "Flag Rate": "Share of the cases that are decided positive.",
}
CLOSING = (
    "Written by harness report --seismometer. Tables and drawings are of seismometer {version}, "
    "its flags put into words; nothing is fetched."
)
