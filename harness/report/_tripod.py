"""Items of TRIPOD+AI that data can answer: number, what it asks in our words, answer.

Collins G. et al., TRIPOD+AI statement: updated guidance for reporting clinical prediction models
that use regression or machine learning methods, BMJ 385:e078378 (2024),
doi:10.1136/bmj-2023-078378.
"""

from harness.report import _answers as of
from harness.report import _results as found
from harness.report._items import Item

NAME = "TRIPOD+AI"
CITATION = "Collins et al., BMJ 385:e078378, 2024"
ITEMS = (
    Item("5a", "Where the data of development and evaluation comes from", of.source),
    Item("8a", "What is predicted", of.outcome),
    Item("10", "How the number of cases was arrived at", of.planned),
    Item("11", "What was done about missing data", of.missing),
    Item("12a", "How the data was used and divided", of.divided),
    Item("12c", "How the model was built and checked on data of its own", of.validated),
    Item("12d", "How differences between sites or scanners were looked at", found.clusters),
    Item("12e", "What performance is measured by", found.metrics),
    Item("12f", "Whether the model was updated, by recalibration for instance", of.recalibrated),
    Item("12g", "How predictions were computed for the evaluation", of.predicted),
    Item("13", "What was done about rare classes, and mended after it", of.imbalance),
    Item("14", "What was done about fairness", found.fairness),
    Item("15", "What the model gives, and how thresholds were found", of.output),
    Item("16", "How data of development and evaluation differ", found.external),
    Item("18e", "Whether the data can be had", of.availability),
    Item("18f", "Whether the code can be had", of.code),
    Item("20a", "How many cases there were, with and without the outcome", of.flow),
    Item("20b", "Who they are", found.groups),
    Item("21", "How many cases are in each analysis", of.sizes),
    Item("22", "The whole model, so that others can apply it", of.file),
    Item("23a", "Performance with intervals, and of subgroups", found.by_group),
    Item("23b", "Differences in performance between sites or scanners", found.clusters),
    Item("24", "What an update of the model changed", of.recalibrated),
    Item("26", "Limitations", found.limitations),
)
