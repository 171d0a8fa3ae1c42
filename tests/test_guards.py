"""Guards: each fires on what it is for, alone, and none on sound models of many kinds."""

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import line
import masks
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper
from scipy.special import expit
from scipy.stats import ttest_1samp

from harness import foreign, plan
from harness.cases import SHIPPED, UNCALIBRATED
from harness.folds import _of_a_fold
from harness.formats._joined import only
from harness.guards import decisions, prevalence, scores, ties
from harness.guards.batches import CASES, batch_dependence
from harness.guards.best_of import best_of
from harness.guards.every import EXPLAINS, OF_A_FOLD, warn
from harness.guards.evidence import Evidence, value
from harness.metrics import roc_auc
from harness.plan import Run
from harness.predictions import Predictions, decide
from harness.reading import load
from harness.record import Record
from harness.samples import Kind, Samples
from harness.segmented import Segmented
from harness.statistics.maximum import expected_maximum, inflation

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from guard_rates import (
    balanced,
    by_heart,
    commonest,
    everywhere,
    guesses,
    labels,
    leaked,
    one_answer,
    ranks,
    rounded,
    scored,
    softmax,
    stretched,
    swapped,
    three_values,
)
from sound_models import World, cases, drawn, evidence

HOME = Path(__file__).parent.parent
GUARDS = sorted((HOME / "harness/guards").glob("*.py"))
ELSEWHERE = {"batch-dependence", "best-of-k", "not-calibrated"}
"""Doubts of this shelf that other tests plant."""
MACHINE = {"unsteady-latency", "noisy-latency", "backend-skipped", "data-unread"}

Array = NDArray[np.float64]


def codes(found: Evidence) -> list[str]:
    return [each["code"] for each in warn(found)]


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_sound_models_are_not_doubted(first: int) -> None:
    """100 of them, of 60 to 1,000 cases, with one or two images a subject."""
    found = {seed: codes(evidence(drawn(seed), seed)) for seed in range(first, first + 25)}
    assert {seed: each for seed, each in found.items() if each} == {}


def test_the_sound_are_of_every_kind() -> None:
    worlds = [drawn(seed) for seed in range(100)]
    assert {(w.kind, w.classes, w.images) for w in worlds} == {
        (*kind, images)
        for kind in (("nominal", 2), ("nominal", 4), ("multilabel", 3))
        for images in (1, 2)
    }
    assert min(w.n for w in worlds) < 70
    assert max(w.n for w in worlds) > 900
    assert min(w.auc for w in worlds) < 0.72


def nowhere() -> Segmented:
    """Test cases without a voxel of their second class, where none is found."""
    table = masks.table()
    for column in ("true_ml", "predicted_ml"):
        table.columns[column][:, 1] = 0
    return table


USUAL, RARE = World(n=300), World(n=600, prevalence=0.1)
PLANTED = {
    "one answer": ("constant-predictor", everywhere(one_answer)(USUAL, 0)),
    "one answer to few": ("constant-predictor", everywhere(one_answer)(World(n=60), 0)),
    "the commonest answer": ("not-above-majority", everywhere(commonest)(USUAL, 0)),
    "guesses": ("not-above-majority", everywhere(guesses)(World(n=1000), 0)),
    "labels": ("not-probabilities", everywhere(labels)(USUAL, 0)),
    "three values": ("not-probabilities", everywhere(three_values)(USUAL, 0)),
    "ranks": ("not-probabilities", everywhere(ranks)(USUAL, 0)),
    "stretched": ("not-probabilities", everywhere(stretched)(USUAL, 0)),
    "a softmax over labels": (
        "not-probabilities",
        everywhere(softmax)(World(n=300, classes=3, kind="multilabel"), 0),
    ),
    "rounded": ("tied-scores", everywhere(rounded)(USUAL, 0)),
    "swapped": ("below-chance", everywhere(swapped)(USUAL, 0)),
    "swapped of few": ("below-chance", everywhere(swapped)(World(n=60, auc=0.95), 0)),
    "oversampled": ("shifted-prevalence", everywhere(balanced)(RARE, 0)),
    "learned by heart": ("train-test-gap", by_heart(World(n=300, auc=0.65), 1)),
    "leaked to val": ("val-test-gap", leaked(World(n=300, auc=0.75), 1)),
    "chosen on test": (
        "chosen-on-test",
        dataclasses.replace(evidence(USUAL, 1), selection={"split": "test"}),
    ),
    "nothing found": (
        "nothing-found",
        Evidence.of(masks.table(classes=("lesion",), predicted_ml=np.zeros((60, 1)))),
    ),
    "a class that is nowhere": ("absent-class", Evidence.of(nowhere())),
    "masks by heart": (
        "train-test-gap",
        Evidence.of(Segmented.concatenated([masks.table(), masks.table(split="train", dice=0.95)])),
    ),
    "cut short": ("fewer-cases", dataclasses.replace(evidence(USUAL, 1), cases={"test": 301})),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_gives_its_own_warning_and_no_other(planted: str) -> None:
    code, found = PLANTED[planted]
    [warning] = warn(found)
    assert warning["code"] == code
    assert re.fullmatch(r"[^;\n]+; [^\n]+", warning["message"].replace("; ROC AUC is", ", ROC AUC"))


def test_every_guard_has_a_planted_case() -> None:
    there = {
        code for file in GUARDS for code in re.findall(r'doubt\(\s*"([a-z-]+)"', file.read_text())
    }
    assert there == {code for code, _ in PLANTED.values()} | ELSEWHERE
    assert set(OF_A_FOLD) | set(EXPLAINS) < there


def test_the_document_has_every_code_and_no_other() -> None:
    text = (HOME / "docs/guards.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))
    planted = {code for code, _ in PLANTED.values()}
    unread = {"missing-prediction", "not-measured", "unread-case"}
    assert told == planted | ELSEWHERE | MACHINE | unread


def test_a_constant_predictor_is_told_in_full() -> None:
    found = everywhere(one_answer)(USUAL, 0)
    [warning] = warn(found)
    rate = max(found.test.y_true.mean(), 1 - found.test.y_true.mean())
    assert "every test case is decided 'class 0', and" in warning["message"]
    assert f"accuracy {rate:.3f};" in warning["message"]


@pytest.mark.parametrize(
    ("decision", "said"),
    [([0, 0, 0], "to have no label"), ([1, 0, 1], "class 0, class 2")],
)
def test_one_answer_of_labels_is_told_in_full(decision: list[int], said: str) -> None:
    test = cases(World(n=90, classes=3, kind="multilabel"), 0)
    constant = dataclasses.replace(test, decision=np.tile(decision, (90, 1)))
    [warning] = warn(Evidence.of(constant))
    assert f"every test case is decided {said!r}, and" in warning["message"]


def test_classes_that_point_the_wrong_way_are_named() -> None:
    test = cases(World(n=1500, classes=4, auc=0.9), 0)
    mixed = test.probability[:, [1, 0, 2, 3]]
    swap = dataclasses.replace(test, probability=mixed, decision=mixed.argmax(axis=1))
    [warning] = warn(Evidence.of(swap))
    assert re.search(r"below 0\.5 for class 0 \(0\.\d+\), class 1 \(0\.\d+\):", warning["message"])


def test_val_of_other_prevalence_clears_a_model() -> None:
    """Test was enriched: what the model says of its own kind of cases is right."""
    found = everywhere(balanced)(RARE, 0)
    natural = cases(World(n=300, prevalence=0.5), 3, "val")
    assert codes(dataclasses.replace(found, val=natural)) == []


def test_a_model_too_sure_of_itself_is_left_to_calibration() -> None:
    def sharpened(found: Predictions) -> Predictions:
        odds = (found.probability[:, 1] / found.probability[:, 0]) ** 3
        return scored(found, odds / (1 + odds), 0.1)

    assert codes(everywhere(sharpened)(RARE, 0)) == []


def test_of_too_few_cases_nothing_is_said_of_the_majority() -> None:
    """12 positives: neither a useless model nor a useful one can be told."""
    found = everywhere(guesses)(World(n=60, prevalence=0.2), 1)
    assert 0.45 < decisions.value(decisions.balanced_accuracy, found.test) < 0.55
    assert codes(found) == []


def test_a_weak_model_of_many_cases_is_above_chance() -> None:
    found = evidence(World(n=5000, auc=0.56, prevalence=0.2), 0)
    assert 0.5 < decisions.value(decisions.balanced_accuracy, found.test) < 0.6
    assert codes(found) == []


def test_guesses_are_not_below_chance() -> None:
    told = [codes(everywhere(guesses)(USUAL, seed)) for seed in range(40)]
    assert not any("below-chance" in each for each in told)


def test_one_rounded_to_0_and_one_to_1_are_probabilities() -> None:
    positive = np.r_[0, np.linspace(0.1, 0.9, 40) ** 2, 1]
    for decimals, told in ((3, []), (9, ["not-probabilities"])):
        found = scored(cases(World(n=42), 0), positive.round(decimals))
        assert [each["code"] for each in scores.not_probabilities(Evidence.of(found))] == told


def test_rounded_and_saturated_probabilities_are_probabilities() -> None:
    def rounded(found: Predictions) -> Predictions:
        return scored(found, found.probability[:, 1].round(2))

    def saturated(found: Predictions) -> Predictions:
        odds = (found.probability[:, 1] / found.probability[:, 0]) ** 40
        return scored(found, np.float32(odds / (1 + odds)).astype(np.float64))

    for how in (rounded, saturated):
        for seed in range(5):
            assert "not-probabilities" not in codes(everywhere(how)(World(n=120, auc=0.95), seed))


@given(seed=st.integers(0, 10), classes=st.integers(2, 4), labels=st.booleans())
@settings(max_examples=30, deadline=None)
def test_ties_are_those_that_an_area_counts_for_half(seed: int, classes: int, labels: bool) -> None:
    """As if all of them were won, minus as if all were lost, of the area that is reported."""
    kind: Kind = "multilabel" if labels else "nominal"
    found = cases(World(n=60, classes=classes, kind=kind), seed)
    coarse = dataclasses.replace(found, probability=found.probability.round(1))
    shifted = 1e-3 * np.where(coarse.truth, 1, -1)
    ends = [
        dataclasses.replace(coarse, probability=coarse.probability + sign * shifted)
        for sign in (1, -1)
    ]
    best, worst = (value(roc_auc, each) for each in ends)
    half = (best - worst) / 2
    said = [each["message"] for each in ties.tied_scores(Evidence.of(coarse))]
    assert value(roc_auc, coarse) == pytest.approx((best + worst) / 2)
    assert bool(said) == (2 * half > ties.TIED)
    assert all(f"may be {half:.3f} higher or lower" in message for message in said)


def test_ties_of_a_float32_and_of_few_cases_are_nothing() -> None:
    """An overconfident network whose file gives probabilities in float32, and 19 cases."""

    def exported(found: Predictions) -> Predictions:
        logits = np.log(found.probability[:, 1] / found.probability[:, 0])
        return scored(found, expit(np.float32(3 * logits)).astype(np.float64))

    for seed in range(20):
        assert "tied-scores" not in codes(everywhere(exported)(World(n=300, auc=0.95), seed))
    few = everywhere(rounded)(World(n=19), 0)
    assert not [*ties.tied_scores(few)]


def test_ties_that_a_calibration_made_are_meant() -> None:
    """As isotonic steps are: what counts are the scores before it, where the table has them."""
    plain = cases(World(n=300), 0)
    steps = dataclasses.replace(plain, probability=plain.probability.round(1))
    before, after = (
        dataclasses.replace(each, variant=np.full(len(plain), variant))
        for each, variant in ((plain, UNCALIBRATED), (steps, SHIPPED))
    )
    assert "tied-scores" in [each["code"] for each in warn(Evidence.of(after))]
    both = Predictions.concatenated([before, after])
    assert "tied-scores" not in [each["code"] for each in warn(Evidence.of(both))]
    coarse = dataclasses.replace(steps, variant=before.variant)
    tied = Predictions.concatenated([coarse, after])
    assert "tied-scores" in [each["code"] for each in warn(Evidence.of(tied))]


def test_where_a_class_is_absent_ties_are_those_of_the_others() -> None:
    found = cases(World(n=300, classes=4), 0)
    coarse = dataclasses.replace(found, probability=found.probability.round(1))
    known = coarse.where(coarse.y_true != 3)
    shares = [ties.share(known.truth[:, k], known.probability[:, k]) for k in range(4)]
    assert shares[3] is None
    [told] = ties.tied_scores(Evidence.of(known))
    mean = np.mean([each for each in shares if each is not None])
    assert told["message"].startswith(f"{100 * mean:.3g} %")
    alone = coarse.where(coarse.y_true == 0)
    assert ties.share(alone.truth[:, 0], alone.probability[:, 0]) is None


@given(
    n=st.integers(0, 30),
    classes=st.integers(2, 4),
    kind=st.sampled_from(["nominal", "multilabel"]),
    seed=st.integers(0, 10),
    true=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_scored_is_answered(
    n: int, classes: int, kind: Kind, seed: int, true: int
) -> None:
    """None, one, and absent classes included; and the order of cases says nothing."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(1, 4, size=(n, classes)).astype(np.float64)
    several = kind == "multilabel"
    probability = raw / (4 if several else raw.sum(axis=1, keepdims=True))
    shape = (n, classes) if several else n
    table = Predictions(
        classes=tuple("abcd"[:classes]),
        kind=kind,
        id=np.arange(n),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=rng.integers(0, 2 if several else min(true, classes), size=shape),
        probability=probability,
        decision=decide(probability, kind, 0.5),
        subject=None if seed % 2 else np.array([f"s{k // 2}" for k in range(n)]),
    )
    found = [Evidence.of(t) for t in (table, table.where(rng.permutation(n)))]
    known = dataclasses.replace(found[0], train=table, val=table.where(slice(n // 2)))
    assert sorted(codes(found[0])) == sorted(codes(found[1]))
    assert {*codes(known), *codes(found[0])} <= {code for code, _ in PLANTED.values()}


@pytest.mark.parametrize("seed", range(8))
def test_a_gain_over_the_majority_is_a_t_test(seed: int) -> None:
    test = cases(World(n=120, prevalence=0.45, auc=0.6, images=1), seed)
    usual = test.y_true == np.bincount(test.y_true).argmax()
    gain = (test.decision == test.y_true).astype(float) - usual
    p = ttest_1samp(gain, 0, alternative="greater").pvalue
    assert decisions._gains(test, "image") == (p < decisions.ABOVE)


@pytest.mark.parametrize("seed", range(4))
def test_a_shift_of_prevalence_is_a_t_test(seed: int) -> None:
    test = cases(World(n=80), seed)
    found = prevalence._shift(test, 1, "image")
    assert found is not None
    apart = test.probability[:, 1] - (test.y_true == 1)
    assert found.p == pytest.approx(ttest_1samp(apart, 0).pvalue)
    assert found.said - found.true == pytest.approx(apart.mean())


def test_doubts_count_subjects_not_images() -> None:
    """What sixty subjects show is not made certain by measuring each of them ten times."""
    once = cases(World(n=60, prevalence=0.4, auc=0.6), 5)
    subjects = np.array([f"s{k}" for k in range(60)])
    often = dataclasses.replace(once, subject=subjects).where(np.repeat(np.arange(60), 10))
    shift = [prevalence._shift(each, 1, "subject") for each in (once, often)]
    assert shift[0] is not None
    assert shift[1] is not None
    assert shift[0].p == pytest.approx(shift[1].p)
    assert decisions._gains(once, "subject") == decisions._gains(often, "subject")
    assert scores._area(often, 1, "subject")[1] > 0.001


class TestBatches:
    """The same cases together and alone."""

    samples = Samples(
        split="val",
        ids=np.arange(40),
        pixels=np.random.default_rng(0).integers(0, 255, (40, 1, 4, 4), np.uint8),
        targets=np.arange(40) % 2,
        classes=("healthy", "lesion"),
    )

    def told(self, mix: Callable[[Array], Array]) -> list[str]:
        def model(images: NDArray[np.float32]) -> NDArray[np.float32]:
            logits = 40 * (images.mean(axis=(1, 2, 3)) - 0.5).astype(np.float64)
            return (1 / (1 + np.exp(-mix(logits))))[:, None].astype(np.float32)

        return [each["message"] for each in batch_dependence(model, self.samples, 0.5)]

    def test_a_case_by_itself_is_answered_alike(self) -> None:
        assert self.told(lambda logits: logits) == []
        assert self.told(lambda logits: logits + 1e-6 * len(logits)) == []

    def test_recurrence_over_the_batch_is_told(self) -> None:
        [message] = self.told(np.cumsum)
        assert f"of {CASES} cases" in message

    def test_what_flips_is_counted(self) -> None:
        index = np.linspace(0, 39, CASES).astype(int)
        logits = 40 * (self.samples.batch(index).mean(axis=(1, 2, 3)) - 0.5)
        flips = int(((logits - logits.mean() > 0) != (logits - logits > 0)).sum())
        [message] = self.told(lambda logits: logits - logits.mean())
        assert f"and {flips} decisions flip" in message

    def test_the_order_of_a_batch_is_turned_round(self) -> None:
        """The largest so far is a case's own, where each is larger than the one before."""
        order = self.samples.batch(slice(None)).mean(axis=(1, 2, 3)).argsort()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TestBatches, "samples", self.samples.at(order))
            assert self.told(np.maximum.accumulate)

    def test_one_case_has_no_batch(self) -> None:
        few = self.samples.first(1)
        assert not [*batch_dependence(lambda images: images, few, 0.5)]


def centred(path: Path) -> Path:
    """A finished file that answers how much brighter a case is than the mean of its batch."""
    model = onnx.load(str(line.onnx_file(path, shift=0.0)))
    nodes = model.graph.node
    nodes.insert(3, helper.make_node("ReduceMean", ["column"], ["mean"], axes=[0], keepdims=1))
    nodes.insert(4, helper.make_node("Sub", ["column", "mean"], ["apart"]))
    nodes[5].input[0] = "apart"
    assert nodes[5].op_type == "Mul"
    onnx.save(model, str(path))
    return path


def run(folder: Path, models: str) -> tuple[Path, Record]:
    with line.no_warm_up():
        scope, _ = line.measure(line.suite(folder, models=models), folder / "runs")
    return scope.folder(scope.runs[0]), line.record(scope)


def doubted(record: Record) -> set[str]:
    return {each["code"] for each in record.warnings} - MACHINE


def test_a_file_that_depends_on_the_batch_is_told_by_run(tmp_path: Path) -> None:
    _, sound_record = run(tmp_path, line.finished("bright", line.onnx_file(tmp_path / "a.onnx")))
    assert doubted(sound_record) == set()
    _, record = run(tmp_path, line.finished("centred", centred(tmp_path / "b.onnx")))
    assert record.status == "ok"
    assert "batch-dependence" in doubted(record)
    [message] = [w["message"] for w in record.warnings if w["code"] == "batch-dependence"]
    assert re.search(r"differs by up to 0\.\d+ and [1-9]\d* decisions flip", message)


def test_a_file_that_was_chosen_on_test_is_told_by_run(tmp_path: Path) -> None:
    file = line.onnx_file(tmp_path / "a.onnx")
    model = onnx.load(str(file))
    helper.set_model_props(model, {"harness.selected_on": json.dumps("test")})
    onnx.save(model, str(file))
    _, record = run(tmp_path, line.finished("tuned", file))
    assert doubted(record) == {"chosen-on-test"}
    assert record.selection["split"] == "test"


def test_training_cases_are_asked_for_the_gap(tmp_path: Path) -> None:
    folder, _ = run(tmp_path, line.CNN)
    path = folder / "predictions.parquet"
    table = Predictions.from_parquet(path.read_bytes(), str(path))
    known, shipped = table.select("train"), table.select("test")
    assert len(known)
    assert not len(table.select("train", "torch"))
    assert known.subject is not None
    assert shipped.subject is not None
    assert not set(known.subject) & set(shipped.subject)


def test_a_part_of_a_published_split_is_told_by_score(tmp_path: Path) -> None:
    rows = ["id,y_true,p0,p1"]
    rng = np.random.default_rng(0)
    for k in range(120):
        label = int(rng.random() < 0.7)
        p = float(np.clip(0.5 + 0.3 * (label - 0.5) + 0.15 * rng.normal(), 0.01, 0.99))
        rows.append(f"{k},{label},{1 - p!r},{p!r}")
    file = tmp_path / "some.csv"
    file.write_text("\n".join(rows), encoding="utf-8")
    suite = load("medmnist2d")
    [name] = [n for n, d in suite.datasets.items() if d.args["flag"] == "breastmnist"]
    run = Run(suite="medmnist2d", dataset=name, model="some", device=plan.EXTERNAL, seed=0)
    kept = foreign.keep(only(suite, name), run, file, "csv", root=tmp_path, runs=tmp_path / "runs")
    told = {each["code"]: each["message"] for each in kept.record.warnings}
    assert "120 cases of test are measured and the data has 156" in told["fewer-cases"]


def test_what_a_fold_shows_is_told_of_the_seed() -> None:
    def fold(*named: str) -> Record:
        found = tuple({"code": name, "message": f"of {name}"} for name in named)
        return Record(run={}, status="ok", warnings=found)

    folds = [fold("constant-predictor"), fold("batch-dependence", "noisy-latency"), fold()]
    assert [*_of_a_fold(folds)] == [
        {"code": "batch-dependence", "message": "in 1 of 3 folds, first: of batch-dependence"}
    ]


class TestBestOf:
    """How much the best of several looks too good."""

    def test_the_largest_of_few_has_closed_forms(self) -> None:
        found = [expected_maximum(k) for k in (1, 2, 3)]
        assert found == pytest.approx([0, np.pi**-0.5, 1.5 * np.pi**-0.5], abs=1e-9)

    @pytest.mark.parametrize(("k", "correlation"), [(2, 0.0), (5, 0.7), (30, 0.5), (30, 1.0)])
    def test_it_is_what_a_simulation_finds(self, k: int, correlation: float) -> None:
        rng = np.random.default_rng(k)
        shared, own = rng.normal(size=(40_000, 1)), rng.normal(size=(40_000, k))
        values = 0.03 * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
        best = values.max(axis=1)
        standard = best.std() / np.sqrt(len(best))
        assert abs(best.mean() - inflation(k, 0.03, correlation)) < 4 * standard

    def test_the_sentence_says_how_much(self) -> None:
        gain = inflation(8, 0.03, 0.6)
        one = best_of(8, gain, "roc_auc")
        assert one is not None
        assert one["code"] == "best-of-k"
        assert f"look {gain:.3f} better" in one["message"]
        assert best_of(1, 0.0, "roc_auc") is None

    @given(k=st.integers(1, 200), more=st.integers(1, 100))
    @settings(max_examples=20, deadline=None)
    def test_more_models_inflate_more(self, k: int, more: int) -> None:
        assert expected_maximum(k) < expected_maximum(k + more)
