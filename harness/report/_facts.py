"""What was measured of one model, on what: a line a fact, and what it means."""

from collections.abc import Iterator
from typing import NamedTuple

from harness.report import _known as known
from harness.report import _recalibrated
from harness.standings import Standing


class Fact(NamedTuple):
    """What it is called, what the records say of it, and in a few words what that means."""

    name: str
    said: str
    meaning: str


def facts(of: Standing) -> Iterator[Fact]:
    """Of one model on one dataset, what was measured, on what, and by which split chosen."""
    question = f"{of.title}: {known.classes(of)}."
    yield Fact("Question", question, "What a number below is a number of.")
    yield Fact("Data", known.data(of), "Where the cases come from.")
    yield Fact("Licence of the data", known.source(of, "licence"), "What may be done with them.")
    yield Fact("Address", known.source(of, "url"), "Where they can be had.")
    yield Fact("Divided", known.divided(of), "What keeps training apart from test.")
    yield Fact("Test", known.counted(of, {}), "What every number below is measured on.")
    yield Fact("Val", known.counted(of, {"split": "val"}), "What choices were made by.")
    yield Fact("Training", known.trained(of), "How much it has learned from.")
    yield Fact("Other sets", known.elsewhere(of) or "none", "Cases of another origin.")
    yield Fact("Seeds", known.seeds(of), "How often the same training was done from the start.")
    yield Fact("Chosen", known.chosen(of), "On what a model was chosen by it looks too good.")
    yield Fact("Decided", known.decided(of), "When a case is called positive.")
    if of.task == "classify" and of.device != known.EXTERNAL:
        yield Fact(
            "Calibrated", _recalibrated.calibrated(of), "Whether probabilities were mended by val."
        )
    yield Fact("Intervals", known.intervals(of), "How sure a number is.")
    yield Fact("Measured file", known.shipped(of), "What ships is what was measured.")
    yield Fact("Made by", known.made_by(of), "The code that measured it.")
