"""Items of CLAIM, 2024 update, that data can answer: number, what it asks in our words, answer.

Tejani A. et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update,
Radiology: Artificial Intelligence 6(4):e240300 (2024), doi:10.1148/ryai.240300.
"""

from harness.report import _answers as of
from harness.report import _results as found
from harness.report._items import Item

NAME = "CLAIM, 2024 update"
CITATION = "Tejani et al., Radiology: Artificial Intelligence 6(4):e240300, 2024"
ITEMS = (
    Item("7", "Where the data comes from", of.source),
    Item("12", "What was done about missing data", of.missing),
    Item("14", "What the reference standard tells apart", of.outcome),
    Item("19", "How cases were put into training, val and test", of.divided),
    Item("20", "At which level these are apart: patient, series or image", of.disjoint),
    Item("21", "How big the test set was meant to be", of.planned),
    Item("22", "The model, in enough detail to be built again", of.model),
    Item("23", "Software and versions", of.software),
    Item("25", "How it was trained", of.training),
    Item("26", "How the final model was chosen", of.selected),
    Item("27", "Whether models were combined", of.ensemble),
    Item("28", "What performance is measured by", found.metrics),
    Item("29", "How uncertainty is found", found.uncertainty),
    Item("30", "How robust the results are", found.spread),
    Item("32", "How it does on data of the same origin", found.internal),
    Item("33", "How it does on data of another origin", found.external),
    Item("35", "How many cases were included and left out", of.flow),
    Item("36", "Who the cases of each part are", found.groups),
    Item("37", "Performance with its uncertainty, of the best and of subgroups", found.by_group),
    Item("38", "Diagnostic performance and its precision", found.diagnostic),
    Item("39", "Where it fails", found.failures),
    Item("40", "Limitations", found.limitations),
    Item("43", "Whether software, model and data can be had", of.availability),
)
