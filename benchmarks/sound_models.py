"""Sound models of every kind: calibrated, no better than they say, decided as suits them."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.cases import SHIPPED
from harness.guards.evidence import Evidence
from harness.predictions import Predictions
from harness.samples import Kind

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Whom a model meets: one positive class of `prevalence`, more classes, or labels.

    `auc` is that of two classes, or of any two of more, on cases that it was not trained on.
    Cases of a subject have its label, and scores of correlation 0.5.
    """

    n: int
    prevalence: float = 0.3
    auc: float = 0.85
    images: int = 1
    classes: int = 2
    kind: Kind = "nominal"

    @property
    def distance(self) -> float:
        """Of a class's own score from that of others; a label has one score, classes each one."""
        return float(norm.ppf(self.auc) * (np.sqrt(2) if self.kind == "multilabel" else 1))

    @property
    def priors(self) -> Array:
        """Of each class; of a label, of having it."""
        if self.kind == "multilabel":
            return np.linspace(self.prevalence, 0.5, self.classes)
        rest = (1 - self.prevalence) / (self.classes - 1)
        return np.array([*[rest] * (self.classes - 1), self.prevalence])


def drawn(seed: int) -> World:
    """A world by chance: sizes, prevalences, qualities, subjects and kinds as sound models have."""
    rng = np.random.default_rng([seed, 1])
    kind, classes = (("nominal", 2), ("nominal", 2), ("nominal", 4), ("multilabel", 3))[seed % 4]
    return World(
        n=int(np.exp(rng.uniform(np.log(60), np.log(1000)))),
        prevalence=float(rng.uniform(0.1, 0.5)) / (2 if classes == 4 else 1),
        auc=float(rng.uniform(0.7, 0.95)),
        images=int(rng.integers(1, 3)),
        classes=classes,
        kind=kind,
    )


def cases(world: World, seed: int, split: str = "test") -> Predictions:
    """Of one split: probabilities are exactly the chances, decided where a class is as usual."""
    rng = np.random.default_rng([seed, {"test": 2, "val": 3, "train": 4}[split]])
    subjects = np.arange(world.n) // world.images
    people = int(subjects[-1]) + 1
    shape = (people, world.classes)
    if world.kind == "multilabel":
        truth = (rng.random(shape) < world.priors).astype(np.int64)
    else:
        truth = np.eye(world.classes, dtype=np.int64)[
            rng.choice(world.classes, people, p=world.priors)
        ]
    shared, own = rng.normal(size=shape), rng.normal(size=(world.n, world.classes))
    mixed = np.sqrt(0.5) * (shared[subjects] + own) if world.images > 1 else own
    truth = truth[subjects]
    probability = _chances(world, world.distance * truth + mixed)
    label = world.kind == "multilabel"
    return Predictions(
        classes=tuple(f"class {k}" for k in range(world.classes)),
        kind=world.kind,
        id=np.arange(world.n),
        split=np.full(world.n, split),
        variant=np.full(world.n, SHIPPED),
        y_true=truth if label else truth.argmax(axis=1),
        probability=probability,
        decision=_decided(world, probability),
        subject=np.array([f"s{each}" for each in subjects]),
    )


def _chances(world: World, scores: Array) -> Array:
    """Bayes: of scores with means 0 and `distance`, standard deviation 1."""
    gain = world.distance * scores - world.distance**2 / 2
    if world.kind == "multilabel":
        odds = np.exp(gain) * world.priors / (1 - world.priors)
        return np.asarray(odds / (1 + odds))
    weight = np.exp(gain) * world.priors
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _decided(world: World, probability: Array) -> Codes:
    """At the prior of each class: what ranks well decides well there."""
    above = probability / world.priors
    if world.kind == "multilabel":
        return (above > 1).astype(np.int64)
    return above.argmax(axis=1).astype(np.int64)


def evidence(world: World, seed: int) -> Evidence:
    """Test, a third of it as val, and training cases that it knows somewhat better."""
    few = dataclasses.replace(world, n=max(30, world.n // 3))
    known = dataclasses.replace(world, n=500, auc=world.auc + 0.5 * (1 - world.auc))
    return Evidence(
        test=cases(world, seed),
        val=cases(few, seed, "val"),
        train=cases(known, seed, "train"),
        selection={"split": "val"},
        cases={"test": world.n},
    )
