"""All guards of a scored model, in order, and which of them explain others."""

from harness.guards import decisions, gaps, masks, prevalence, provenance, scores, ties
from harness.guards.evidence import Doubt, Evidence, Guard

OF_MASKS: tuple[Guard, ...] = (
    provenance.chosen_on_test,
    provenance.fewer_cases,
    masks.nothing_found,
    masks.absent_class,
    masks.train_test_gap,
)
"""Guards of models that segment: the others ask for probabilities of classes."""
GUARDS: tuple[Guard, ...] = (
    provenance.chosen_on_test,
    provenance.fewer_cases,
    decisions.constant_predictor,
    scores.below_chance,
    scores.not_probabilities,
    ties.tied_scores,
    decisions.not_above_majority,
    prevalence.shifted_prevalence,
    gaps.train_test_gap,
    gaps.val_test_gap,
)
EXPLAINS = {
    "constant-predictor": {
        "not-above-majority",
        "not-probabilities",
        "shifted-prevalence",
        "tied-scores",
    },
    "below-chance": {
        "not-above-majority",
        "shifted-prevalence",
        "train-test-gap",
        "val-test-gap",
    },
    "not-probabilities": {"shifted-prevalence", "tied-scores"},
}
"""Where the first is said, the others would say it again."""
OF_A_FOLD = ("batch-dependence", "not-calibrated")
"""Doubts about one checkpoint, which the joined cases of several cannot show."""


def warn(evidence: Evidence) -> tuple[Doubt, ...]:
    """Doubts about the shipped model, the gravest first; none that another of them explains."""
    guards = OF_MASKS if evidence.test.kind == "mask" else GUARDS
    found = [each for guard in guards for each in guard(evidence)]
    said = {each["code"] for each in found}
    explained = {code for cause in said for code in EXPLAINS.get(cause, set())}
    return tuple(each for each in found if each["code"] not in explained)
