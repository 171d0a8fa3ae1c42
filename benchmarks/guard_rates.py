"""How often guards are wrong: false alarms on sound models, and planted faults that they see.

    OMP_NUM_THREADS=1 python benchmarks/guard_rates.py [REPETITIONS]

Prints the tables of docs/guards.md: of 4,000 sound models (or of as many as asked for) those that
each guard doubts, then of an eighth as many models of each planted fault those that its own guard
doubts, and those that another does too.
"""

import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from sound_models import World, cases, drawn, evidence

from harness.guards.every import warn
from harness.guards.evidence import Evidence
from harness.predictions import Predictions, decide

REPETITIONS = 4_000
FIRST = 10_000
"""Seeds from here on: those of the tests are smaller."""

Array = NDArray[np.float64]
Change = Callable[[Predictions], Predictions]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`plant` makes a model with the fault from a world and a seed; `code` is its guard's."""

    code: str
    name: str
    plant: Callable[[World, int], Evidence]
    worlds: tuple[World, ...]


def scored(found: Predictions, positive: Array, threshold: float = 0.5) -> Predictions:
    """The same cases of two classes with other scores."""
    probability = np.stack([1 - positive, positive], axis=1)
    decision = decide(probability, "nominal", threshold)
    return dataclasses.replace(found, probability=probability, decision=decision)


def everywhere(how: Change) -> Callable[[World, int], Evidence]:
    """A sound model whose answers are changed, on training cases as well."""

    def plant(world: World, seed: int) -> Evidence:
        found = evidence(world, seed)
        splits = {of: how(getattr(found, of)) for of in ("test", "val", "train")}
        return dataclasses.replace(found, **splits)

    return plant


def one_answer(found: Predictions) -> Predictions:
    """Ranks well and never reaches the threshold."""
    return scored(found, 0.4 * found.probability[:, 1])


def commonest(found: Predictions) -> Predictions:
    """Knows nothing, and decides one case in fifty otherwise."""
    rng = np.random.default_rng(_seed(found))
    other, score = rng.random(len(found)) < 0.02, rng.uniform(0.2, 0.4, len(found))
    return scored(found, np.where(other, 0.6, score))


def guesses(found: Predictions) -> Predictions:
    """Knows nothing, and decides as many cases to be positive as are."""
    rng = np.random.default_rng(_seed(found))
    return scored(found, rng.permutation(found.probability[:, 1]), found.y_true.mean())


def labels(found: Predictions) -> Predictions:
    return scored(found, (found.probability[:, 1] > 0.3).astype(np.float64))


def three_values(found: Predictions) -> Predictions:
    return scored(found, np.digitize(found.probability[:, 1], [0.2, 0.5]) * 0.4 + 0.1)


def ranks(found: Predictions) -> Predictions:
    """As min-max scaling leaves them: from 0 to 1."""
    return scored(found, found.probability[:, 1].argsort().argsort() / (len(found) - 1))


def stretched(found: Predictions) -> Predictions:
    """Logits by min-max scaling."""
    logits = np.log(found.probability[:, 1] / found.probability[:, 0])
    return scored(found, (logits - logits.min()) / np.ptp(logits))


def softmax(found: Predictions) -> Predictions:
    """Of several labels a case, as if it could have but one."""
    probability = found.probability / found.probability.sum(axis=1, keepdims=True)
    decision = decide(probability, found.kind, 0.5)
    return dataclasses.replace(found, probability=probability, decision=decision)


def rounded(found: Predictions) -> Predictions:
    """To whole tenths."""
    return scored(found, found.probability[:, 1].round(1))


def swapped(found: Predictions) -> Predictions:
    return scored(found, found.probability[:, 0], 0.7)


def balanced(found: Predictions) -> Predictions:
    """Right for as many cases of either class, which is not how they come."""
    share = 0.1
    odds = (1 - share) / share * found.probability[:, 1] / found.probability[:, 0]
    return scored(found, odds / (1 + odds))


def by_heart(world: World, seed: int) -> Evidence:
    """Near perfect on what it was trained on."""
    known = cases(dataclasses.replace(world, n=500, auc=0.999), seed, "train")
    return dataclasses.replace(evidence(world, seed), train=known)


def leaked(world: World, seed: int) -> Evidence:
    """Near perfect on val."""
    val = cases(dataclasses.replace(world, n=world.n // 2, auc=0.99), seed, "val")
    return dataclasses.replace(evidence(world, seed), val=val)


def _seed(found: Predictions) -> list[int]:
    """Another for each table."""
    return [len(found), int(1e9 * found.probability[0, 1])]


SIZES = (60, 150, 300, 1000)
AS_USUAL = tuple(World(n=n) for n in SIZES)
RARE = tuple(World(n=n, prevalence=0.1) for n in SIZES)
FAULTS = (
    Fault(
        code="constant-predictor", name="one answer", plant=everywhere(one_answer), worlds=AS_USUAL
    ),
    Fault(
        code="not-above-majority",
        name="2 % decided otherwise",
        plant=everywhere(commonest),
        worlds=AS_USUAL,
    ),
    Fault(code="not-above-majority", name="guesses", plant=everywhere(guesses), worlds=AS_USUAL),
    Fault(code="not-probabilities", name="labels", plant=everywhere(labels), worlds=AS_USUAL),
    Fault(
        code="not-probabilities",
        name="three values",
        plant=everywhere(three_values),
        worlds=AS_USUAL,
    ),
    Fault(code="not-probabilities", name="ranks", plant=everywhere(ranks), worlds=AS_USUAL),
    Fault(
        code="not-probabilities",
        name="stretched logits",
        plant=everywhere(stretched),
        worlds=AS_USUAL,
    ),
    Fault(
        code="not-probabilities",
        name="softmax over 3 labels",
        plant=everywhere(softmax),
        worlds=tuple(World(n=n, classes=3, kind="multilabel") for n in SIZES),
    ),
    Fault(code="tied-scores", name="rounded to tenths", plant=everywhere(rounded), worlds=AS_USUAL),
    Fault(code="below-chance", name="classes swapped", plant=everywhere(swapped), worlds=AS_USUAL),
    Fault(
        code="shifted-prevalence",
        name="oversampled, 1 in 10",
        plant=everywhere(balanced),
        worlds=RARE,
    ),
    Fault(
        code="train-test-gap",
        name="by heart, ROC AUC 0.65",
        plant=by_heart,
        worlds=tuple(World(n=n, auc=0.65) for n in SIZES),
    ),
    Fault(
        code="val-test-gap",
        name="val leaked, ROC AUC 0.75",
        plant=leaked,
        worlds=tuple(World(n=n, auc=0.75) for n in SIZES),
    ),
)


def alarms(repetitions: int) -> Counter[str]:
    """Of sound models, how many each guard doubts."""
    seeds = range(FIRST, FIRST + repetitions)
    return Counter(w["code"] for s in seeds for w in warn(evidence(drawn(s), s)))


def seen(fault: Fault, world: World, repetitions: int) -> tuple[float, float]:
    """The shares of planted models that get the fault's own warning, and any other."""
    found = [
        {w["code"] for w in warn(fault.plant(world, seed))}
        for seed in range(FIRST, FIRST + repetitions)
    ]
    own = np.mean([fault.code in codes for codes in found])
    return float(own), float(np.mean([bool(codes - {fault.code}) for codes in found]))


def lines(repetitions: int) -> Iterator[str]:
    """Both tables."""
    yield f"false alarms in {repetitions} sound models: {dict(alarms(repetitions)) or 'none'}"
    yield "| code | fault | " + " | ".join(f"n = {n:,}" for n in SIZES) + " |"
    yield "|---|---|" + "---:|" * len(SIZES)
    for fault in FAULTS:
        shares = [seen(fault, world, repetitions // 8) for world in fault.worlds]
        cells = [f"{own:.0%}" + (f" ({other:.0%})" if other else "") for own, other in shares]
        yield f"| `{fault.code}` | {fault.name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS):
        print(line, flush=True)
