"""Warnings of a record in plain words: what each code means for somebody who reads the numbers."""

PLAIN = {
    "chosen-on-test": "The model was chosen by the cases that it is measured on, so it looks too "
    "good.",
    "fewer-cases": "Cases were left out, which are seldom the easy ones.",
    "batch-dependence": "A case gets another answer alone than among others: the numbers hold for "
    "this order of cases only.",
    "constant-predictor": "Every case gets the same decision: it decides nothing, whatever its "
    "accuracy.",
    "below-chance": "It ranks a class the wrong way round, as if names of classes were swapped.",
    "not-probabilities": "Its scores are no probabilities: do not read them as risks.",
    "tied-scores": "So many cases have equal scores that how well it ranks them is known coarsely.",
    "not-above-majority": "Its decisions are worth no more than always giving the commonest "
    "answer.",
    "shifted-prevalence": "Its probabilities are of a world where a class is commoner or rarer "
    "than it is.",
    "not-calibrated": "It ships without a calibration that was asked for: val could not give one.",
    "train-test-gap": "It does far better on cases that it was trained on: it learned by heart.",
    "val-test-gap": "It does far better on the cases that it was chosen by than on new ones.",
    "absent-class": "There are no cases of a class to learn from or to measure.",
    "nothing-found": "It outlines nothing of a class that is there.",
    "best-of-k": "The best of several models looks better than it is.",
    "unsteady-latency": "The machine had not settled: times may be of another state of it.",
    "noisy-latency": "Times scatter: other programs were at work.",
    "backend-skipped": "A runtime was not timed.",
    "data-unread": "Labels are those that came with the predictions: nobody compared them with "
    "the data.",
    "missing-prediction": "Cases have no prediction, and count as the worst.",
    "not-measured": "A metric was not measured, as counts alone were given.",
    "unread-case": "A case of the data could not be read, and counts as the worst if it is of "
    "test.",
}
"""Code -> meaning. `docs/guards.md` says when each fires."""


def plain(code: str) -> str:
    """What a code means; its own words where it is not known here."""
    return PLAIN.get(code) or f"{code.replace('-', ' ').capitalize()}."
