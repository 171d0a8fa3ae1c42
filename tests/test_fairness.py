"""Fairness: figures against fairlearn, intervals against textbooks, and groups that say nothing."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import masks
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equal_opportunity_difference,
    equalized_odds_difference,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import binom, binomtest
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score
from standings import board, record, run, standing

from harness.aggregate import seed_means
from harness.cases import SHIPPED
from harness.cohorts import MOST_PAIRS
from harness.datasets import phantom
from harness.disparity import ODDS, OPPORTUNITY
from harness.fairness import fairness
from harness.metrics import _logistic as logistic
from harness.predictions import Predictions
from harness.record import Measurement, Record
from harness.report import Recipe, render
from harness.rows import measured
from harness.segmented import Segmented
from harness.standings import Standing
from harness.statistics.influence import Influence, share
from harness.statistics.mover import LEAST_P, Estimate, difference, p_value, ratio
from harness.statistics.multiplicity import holm
from harness.statistics.regrouping import p_of, regrouped, summed, whole
from harness.suite import MetricSpec, Policy
from harness.versus import FEW

NAMES = ("roc_auc", "accuracy", "sensitivity")
METRICS = tuple(MetricSpec(name=name) for name in NAMES)
POLICY = Policy(groups_min_n=10)
SCORES = {"accuracy": accuracy_score, "sensitivity": recall_score}
SEX_F = {"group.sex": "F"}


def table(n: int = 400, seed: int = 0, gap: float = 0.0, **changes: Any) -> Predictions:
    """Binary cases whose sex and age band mean nothing, but that positives of F score lower."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(n) < 0.35).astype(np.int64)
    sex = rng.choice(["F", "M"], n)
    age = rng.choice(["0-40", "40-65", "65-80"], n, p=[0.3, 0.4, 0.3])
    score = rng.normal(size=n) + y_true * (1.6 - gap * (sex == "F"))
    chance = 1 / (1 + np.exp(-1.6 * score + 1.9))
    cases = Predictions(
        classes=("no", "yes"),
        id=np.arange(n),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=y_true,
        probability=np.stack([1 - chance, chance], axis=1),
        decision=(chance > 0.5).astype(np.int64),
        groups={"sex": sex, "age": age},
    )
    return dataclasses.replace(cases, **changes)


def grouped(sex: Sequence[str] | np.ndarray[Any, Any], **changes: Any) -> Predictions:
    cases = table(len(sex), **changes)
    return dataclasses.replace(cases, groups={"sex": np.asarray(sex)})


def rows(cases: Any, metrics: Sequence[MetricSpec] = METRICS, policy: Policy = POLICY) -> Any:
    """All rows of a record, which takes no two of one place."""
    found = measured(cases, metrics, policy)
    Record(run={}, status="ok", measurements=found)
    return found


def find(found: Sequence[Measurement], metric: str, where: Mapping[str, str]) -> Measurement:
    [row] = [row for row in found if row.metric == metric and row.where == where]
    return row


def frame(cases: Predictions, metric: str, features: Any) -> MetricFrame:
    """What fairlearn says, of the area of scores and of the others of decisions."""
    said = cases.probability[:, 1] if metric == "roc_auc" else cases.decision
    of = SCORES.get(metric, roc_auc_score)
    return MetricFrame(metrics=of, y_true=cases.y_true, y_pred=said, sensitive_features=features)


class TestFiguresAreFairlearns:
    CASES = table()
    FOUND = rows(CASES)

    @pytest.mark.parametrize("metric", NAMES)
    @pytest.mark.parametrize("column", ["sex", "age"])
    def test_values_and_the_largest_gap(self, metric: str, column: str) -> None:
        theirs = frame(self.CASES, metric, self.CASES.groups[column])
        for name, value in theirs.by_group.items():
            assert find(self.FOUND, metric, {f"group.{column}": name}).value == pytest.approx(value)
        gap = find(self.FOUND, metric, {"gap": column})
        assert gap.value == pytest.approx(theirs.difference())
        assert gap.method is not None
        assert gap.method.startswith(f"{theirs.by_group.idxmax()} over {theirs.by_group.idxmin()},")

    @pytest.mark.parametrize("metric", NAMES)
    @pytest.mark.parametrize("band", ["0-40", "65-80"])
    def test_difference_from_the_rest_and_ratio_to_it(self, metric: str, band: str) -> None:
        theirs = frame(self.CASES, metric, self.CASES.groups["age"] == band).by_group
        where = {"group.age": band, "against": "rest"}
        row = find(self.FOUND, metric, where)
        assert row.kind == "difference"
        assert row.value == pytest.approx(theirs[True] - theirs[False])
        over = find(self.FOUND, metric, {**where, "as": "ratio"})
        assert over.kind == "ratio"
        assert over.value == pytest.approx(theirs[True] / theirs[False])

    @pytest.mark.parametrize("metric", NAMES)
    def test_pairs_of_groups(self, metric: str) -> None:
        features = pd.DataFrame(self.CASES.groups)
        for (sex, age), value in frame(self.CASES, metric, features).by_group.items():
            where = {"group.sex": sex, "group.age": age}
            assert find(self.FOUND, metric, where).value == pytest.approx(value)

    @pytest.mark.parametrize("column", ["sex", "age"])
    def test_equal_opportunity_and_equalised_odds(self, column: str) -> None:
        for name, theirs in (
            (OPPORTUNITY, equal_opportunity_difference),
            (ODDS, equalized_odds_difference),
        ):
            value = theirs(
                self.CASES.y_true,
                self.CASES.decision,
                sensitive_features=self.CASES.groups[column],
            )
            assert find(self.FOUND, name, {"gap": column}).value == pytest.approx(value)

    def test_of_more_classes_each_against_the_rest(self) -> None:
        cases = three_classes()
        found = rows(cases)
        for k, name in enumerate(cases.classes):
            value = equal_opportunity_difference(
                cases.y_true == k, cases.decision == k, sensitive_features=cases.groups["sex"]
            )
            row = find(found, OPPORTUNITY, {"class": name, "gap": "sex"})
            assert row.value == pytest.approx(value)
        recall = MetricFrame(
            metrics=lambda y, p: recall_score(y, p, average="macro"),
            y_true=cases.y_true,
            y_pred=cases.decision,
            sensitive_features=cases.groups["sex"],
        )
        assert find(found, OPPORTUNITY, {"gap": "sex"}).value == pytest.approx(recall.difference())

    def test_a_class_is_compared_where_the_mean_over_classes_is_undefined(self) -> None:
        cases = three_classes()
        none_of_c = (cases.groups["sex"] == "F") & (cases.y_true == 2)
        cases = cases.where(~none_of_c)
        found = rows(cases)
        f, b = cases.groups["sex"] == "F", cases.y_true == 1
        assert find(found, "roc_auc", SEX_F).value is None
        where = {"class": "b", **SEX_F}
        areas = [roc_auc_score(b[part], cases.probability[part, 1]) for part in (f, ~f)]
        assert find(found, "roc_auc", where).value == pytest.approx(areas[0])
        apart = find(found, "roc_auc", {**where, "against": "rest"})
        assert apart.value == pytest.approx(areas[0] - areas[1])
        assert apart.p is not None
        over = find(found, "roc_auc", {**where, "against": "rest", "as": "ratio"})
        assert over.value == pytest.approx(areas[0] / areas[1])
        undefined = find(found, "roc_auc", {"class": "c", **SEX_F, "against": "rest"})
        assert undefined.value is None
        assert undefined.reason == f"needs cases of every class; got {f.sum()} not c, 0 c"
        assert not [row for row in found if "class" in row.where and row.metric == "accuracy"]

    def test_prevalence_is_told(self) -> None:
        women = self.CASES.groups["sex"] == "F"
        row = find(self.FOUND, "prevalence", SEX_F)
        assert row.value == pytest.approx(self.CASES.y_true[women].mean())
        assert row.ci == pytest.approx(wilson(self.CASES.y_true[women]))


def three_classes(n: int = 300) -> Predictions:
    rng = np.random.default_rng(0)
    y_true = rng.integers(3, size=n)
    raw = rng.random((n, 3)) + 0.7 * np.eye(3)[y_true]
    cases = table(n)
    return dataclasses.replace(
        cases,
        classes=("a", "b", "c"),
        y_true=y_true,
        probability=raw / raw.sum(axis=1, keepdims=True),
        decision=raw.argmax(axis=1),
    )


def holm_by_hand(p: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The largest, over the tests before it, of what each needs of the weights that are left."""
    order = sorted(range(len(p)), key=lambda i: p[i] / weights[i])
    needed = {
        i: min(1.0, p[i] / weights[i] * sum(weights[j] for j in order[place:]))
        for place, i in enumerate(order)
    }
    return [max(needed[j] for j in order[: order.index(i) + 1]) for i in range(len(p))]


def wilson(cases: Any) -> tuple[float, float]:
    found = binomtest(int(cases.sum()), len(cases)).proportion_ci(method="wilson")
    return found.low, found.high


def of_share(hits: int, n: int) -> Estimate:
    cases = np.arange(n) < hits
    moved = share(cases, np.ones(n), np.arange(n))
    return Estimate(value=hits / n, influence=moved, bounds=(0.0, 1.0), over="image")


SHARES = st.integers(3, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


class TestTwoSamples:
    def test_the_interval_of_two_shares_is_newcombes(self) -> None:
        """His example: 56 of 70 against 48 of 80 (Newcombe, 1998, table II, method 10)."""
        found = difference(of_share(56, 70), of_share(48, 80), 0.95)
        assert found.ci == pytest.approx((0.0524, 0.3339), abs=5e-5)

    def test_as_his_with_nothing_seen(self) -> None:
        assert difference(of_share(0, 10), of_share(0, 20), 0.95).ci == pytest.approx(
            (-0.1611, 0.2775), abs=5e-5
        )

    @given(SHARES, SHARES)
    def test_p_is_below_where_the_interval_leaves_0_out(
        self, one: tuple[int, int], other: tuple[int, int]
    ) -> None:
        a, b = of_share(*one), of_share(*other)
        p = p_value(a, b)
        assert p is not None
        assert LEAST_P <= p <= 1
        assert p == pytest.approx(p_value(b, a), rel=1e-4)
        for level in (0.5, 0.95, 0.999):
            ci = difference(a, b, level).ci
            assert ci is not None
            assert ci[0] <= a.value - b.value <= ci[1]
            if abs(p - (1 - level)) > 1e-6:
                assert (p < 1 - level) == (not ci[0] <= 0 <= ci[1])

    @given(SHARES, SHARES)
    def test_a_ratio_turned_round_is_its_inverse(
        self, one: tuple[int, int], other: tuple[int, int]
    ) -> None:
        a, b = of_share(*one), of_share(*other)
        there, back = ratio(a, b, 0.95), ratio(b, a, 0.95)
        if min(a.value, b.value) == 0:
            assert there.ci is None
            assert back.ci is None
            return
        assert there.ci is not None
        assert back.ci is not None
        assert there.ci == pytest.approx((1 / back.ci[1], 1 / back.ci[0]), rel=1e-9)

    def test_of_many_it_is_the_normal_interval_of_the_logarithm(self) -> None:
        """Katz et al. (1978)."""
        found = ratio(of_share(30_000, 50_000), of_share(20_000, 50_000), 0.95)
        error = math.sqrt(1 / 30_000 - 1 / 50_000 + 1 / 20_000 - 1 / 50_000)
        low, high = (1.5 * math.exp(sign * 1.96 * error) for sign in (-1, 1))
        assert found.ci == pytest.approx((low, high), rel=1e-4)

    def test_what_both_sides_share_counts(self) -> None:
        a, b = of_share(300, 500), of_share(250, 500)
        plain, alike = difference(a, b, 0.95), difference(a, b, 0.95, 0.9)
        assert plain.ci is not None
        assert alike.ci is not None
        assert alike.ci[1] - alike.ci[0] < 0.4 * (plain.ci[1] - plain.ci[0])
        apart, together = p_value(a, b), p_value(a, b, 0.9)
        assert apart is not None
        assert together is not None
        assert together < apart

    def test_without_an_interval_of_a_side_there_is_none_and_no_p(self) -> None:
        lone = Influence(by_unit=np.full(5, np.nan), df=0, fewest=1, method="")
        a = Estimate(value=0.7, influence=lone, bounds=(0.0, 1.0), over="image")
        found = difference(a, of_share(5, 9), 0.95)
        assert found.ci is None
        assert "fewer than two images" in found.method
        assert p_value(a, of_share(5, 9)) is None
        assert ratio(of_share(5, 9), a, 0.95).ci is None


class TestRandomGroups:
    def test_as_many_units_and_all_of_their_cases(self) -> None:
        units = np.repeat(np.arange(6), 3)
        member = units < 2
        groups, rests = regrouped(lambda w: w.sum(axis=1), member, units, 50)
        assert set(groups) == {6.0}
        assert set(rests) == {12.0}
        first, _ = regrouped(lambda w: w[:, 0] - w[:, 2], member, units, 50)
        assert not first.any()

    def test_cases_are_drawn_where_a_unit_is_in_both(self) -> None:
        units = np.repeat(np.arange(6), 3)
        member = np.arange(18) % 3 == 0
        assert not whole(member, units)
        found, _ = regrouped(lambda w: w[:, 0] - w[:, 2], member, units, 50)
        assert found.any()

    @pytest.mark.parametrize("size", [0, 1, 3, 7, 10])
    def test_sums_are_of_units_that_are_taken_once(self, size: int) -> None:
        """Powers of 2 tell which; means and variances are those of sampling from few."""
        found = summed(2.0 ** np.arange(10), size, 4_000)
        assert {f"{int(each):b}".count("1") for each in found} == {size}
        values = np.arange(10.0) ** 2
        found = summed(values, size, 4_000)
        spread = size * (10 - size) / 9 * values.var()
        assert found.mean() == pytest.approx(size * values.mean(), abs=4 * (spread / 4_000) ** 0.5)
        assert found.var() == pytest.approx(spread, rel=0.1)

    @pytest.mark.parametrize("share", [0.8, 0.9, 0.97])
    def test_an_interval_that_is_left_alone_is_not_too_sure(self, share: float) -> None:
        """Exactly, of shares: how often p is below a small level where there is no difference."""
        rest, hits = of_share(round(3_000 * share), 3_000), np.arange(FEW + 1)
        chance = binom.pmf(hits, FEW, share)
        p = [p_value(of_share(k, FEW), rest) if chance[k] > 1e-9 else 1.0 for k in hits.tolist()]
        for level in (0.05, 0.01, 0.0014, 0.0005):
            assert chance[np.less(p, level)].sum() < 1.2 * level

    def test_p_is_a_share_that_is_never_0(self) -> None:
        drawn = np.arange(-50, 50) + 0.5
        assert p_of(200.0, drawn) == 1 / 101
        assert p_of(0.0, drawn) == 1.0
        assert p_of(200.0, np.append(drawn[:-1], np.nan)) == 2 / 101


class TestTests:
    def test_a_planted_gap_is_found(self) -> None:
        found = rows(table(800, gap=1.0))
        row = find(found, "sensitivity", {**SEX_F, "against": "rest"})
        assert row.value is not None
        assert row.ci is not None
        assert row.ci[1] < 0
        assert row.p is not None
        assert row.p < 0.01
        over = find(found, "sensitivity", {**SEX_F, "against": "rest", "as": "ratio"})
        assert over.ci is not None
        assert over.ci[1] < 1
        for name in ("sensitivity", OPPORTUNITY, ODDS):
            gap = find(found, name, {"gap": "sex"})
            assert gap.ci is not None
            assert gap.ci[0] > 0
        assert find(found, "sensitivity", {"group.age": "0-40", "against": "rest"}).p == 1.0

    def test_fainter_lesions_of_one_sex_in_phantoms_are_found(self) -> None:
        """Scored by the brightest spot alone, which knows nothing of sex."""
        about: dict[str, Any] = {"dim": 2, "subjects": 2_000, "images_per_subject": 1}
        data = phantom.load("test", None, **about, group_gap=0.8, difficulty=0.3)
        images = data.batch(slice(None))[:, 0].astype(np.float64)
        spot = np.array([gaussian_filter(image, 2).max() for image in images])
        chance = 1 / (1 + np.exp(-(spot - np.median(spot)) / spot.std()))
        cases = table(
            len(spot),
            y_true=data.targets,
            probability=np.stack([1 - chance, chance], axis=1),
            decision=(chance > 0.5).astype(np.int64),
            groups={"sex": data.groups["sex"], "site": data.groups["site"]},
        )
        found = rows(cases)
        row = find(found, "roc_auc", {**SEX_F, "against": "rest"})
        assert row.ci is not None
        assert row.ci[1] < 0
        assert row.p is not None
        assert row.p < 0.05
        alike = [find(found, "roc_auc", {"group.site": of, "against": "rest"}) for of in "ABC"]
        assert [one.p for one in alike if one.p is not None and one.p < 0.05] == []

    def test_groups_drawn_alike_are_seldom_told_apart(self) -> None:
        """At most one in twenty; benchmarks/fairness_null.py counts a thousand."""
        claims = [
            any(row.p is not None and row.p < 0.05 for row in fairness([case], METRICS, POLICY))
            for case in (table(200, seed) for seed in range(40))
        ]
        assert sum(claims) <= 6

    def test_p_is_by_holm_over_all_groups_and_metrics(self) -> None:
        """Sex and three ages are 4 groups, 6 pairs of them count as 4."""
        found = [row for row in rows(table(gap=0.6)) if row.p is not None]
        alone = {}
        for row in found:
            assert row.method is not None
            said = row.method.rpartition("; p = ")[2].split()
            alone[row.metric, frozenset(row.where.items())] = float(said[0])
            assert said[-2:] == [str(len(found) - len(NAMES)), "tests"]
        mirrored = ("group.sex", "M")
        different = [key for key in alone if len(key[1]) > 2 or mirrored not in key[1]]
        weights = [4 / 6 if len(key[1]) > 2 else 1.0 for key in different]
        assert sorted(weights) == [4 / 6] * 6 * len(NAMES) + [1.0] * 4 * len(NAMES)
        by_hand = holm_by_hand([alone[key] for key in different], weights)
        expected = dict(zip(different, by_hand, strict=True))
        for row in found:
            key = row.metric, frozenset(row.where.items())
            if key in expected:
                assert row.p == pytest.approx(expected[key], rel=0.02)

    @given(
        st.lists(st.tuples(st.floats(1e-9, 1), st.sampled_from([0.1, 0.5, 1.0])), min_size=1),
        st.floats(0.001, 0.2),
    )
    def test_holm_with_weights_is_stepping_down(
        self, tests: list[tuple[float, float]], level: float
    ) -> None:
        """Reject the smallest p / w while it is at most level / sum of w that are left."""
        p, w = (list(each) for each in zip(*tests, strict=True))
        rejected = holm(p, w) <= level
        left, order = sum(w), sorted(range(len(p)), key=lambda i: p[i] / w[i])
        for place, i in enumerate(order):
            if p[i] / w[i] * sum(w[j] for j in order[place:]) > level * (1 + 1e-9):
                assert not rejected[order[place:]].any()
                break
            if p[i] / w[i] * left < level * (1 - 1e-9):
                assert rejected[i]
        assert holm(p, [0.3] * len(p)) == pytest.approx(holm(p))

    def test_many_pairs_do_not_bury_a_group(self) -> None:
        """However many pairs there are, a group is judged as among twice the groups."""
        cases = table(1_200, gap=0.5)
        rng = np.random.default_rng(0)
        more = {name: rng.choice(list("abcd"), 1_200) for name in ("site", "scanner")}
        found = rows(dataclasses.replace(cases, groups={**cases.groups, **more}))
        tested = [row for row in found if row.p is not None]
        single = [row for row in tested if len(row.where) == 2]
        assert len(tested) > 4 * len(single)
        row = find(found, "sensitivity", {**SEX_F, "against": "rest"})
        assert row.method is not None
        assert row.p is not None
        first = min(single, key=lambda each: each.p or 0.0)
        assert (first.metric, first.p) == (row.metric, row.p)
        alone = float(row.method.rpartition("; p = ")[2].split()[0])
        assert row.p == pytest.approx(2 * alone * (len(single) - len(NAMES)), rel=0.02)

    def test_two_groups_are_one_test(self) -> None:
        cases = grouped(np.resize(["F", "M"], 200))
        found = [row for row in rows(cases) if row.p is not None]
        assert len(found) == 2 * len(NAMES)
        for metric in NAMES:
            a, b = (row for row in found if row.metric == metric)
            assert (a.p, a.value) == (b.p, pytest.approx(-(b.value or 0.0)))

    def test_subjects_are_units_and_one_in_both_halves_is_paired(self) -> None:
        """Two images a subject, one in each group, answered alike: nothing scatters."""
        half = table(100)
        both = half.where(np.repeat(np.arange(100), 2))
        cases = dataclasses.replace(
            both,
            id=np.arange(200),
            subject=np.array([f"s{i // 2}" for i in range(200)]),
            groups={"eye": np.resize(["left", "right"], 200)},
        )
        row = find(rows(cases), "accuracy", {"group.eye": "left", "against": "rest"})
        assert (row.value, row.over, row.n) == (0.0, "subject", 100)
        assert row.ci == pytest.approx((0.0, 0.0), abs=0.03)
        apart = dataclasses.replace(cases, subject=None)
        row = find(rows(apart), "accuracy", {"group.eye": "left", "against": "rest"})
        assert row.ci is not None
        assert row.ci[1] > 0.08

    @pytest.mark.parametrize("metric", ["f1", "mcc", "average_precision"])
    def test_what_a_jackknife_knows_of_several_units_together_is_asked_itself(
        self, metric: str
    ) -> None:
        """Beyond 2,000 units it has one number for a few of them, of either side."""
        rng = np.random.default_rng(3)
        n = 5_000
        women, ill = rng.random(n) < 0.25, rng.random(n) < 0.12
        chance = 1 / (1 + np.exp(-3 * (rng.normal(size=n) + ill * np.where(women, 1.0, 2.5)) + 5))
        cases = table(
            n,
            y_true=ill.astype(np.int64),
            probability=np.stack([1 - chance, chance], axis=1),
            decision=(chance > 0.5).astype(np.int64),
            groups={"sex": np.where(women, "F", "M")},
        )
        where = {**SEX_F, "against": "rest"}
        row = find(rows(cases, [MetricSpec(name=metric)]), metric, where)
        assert row.p is not None
        assert row.p < 0.001

    def test_a_gap_of_one_class_of_many_can_be_found(self) -> None:
        """However many comparisons there are, random groups are enough to tell."""
        rng = np.random.default_rng(0)
        n, labels = 1_500, 14
        truth = (rng.random((n, labels)) < 0.05).astype(np.int64)
        sex = rng.choice(["F", "M"], n)
        score = rng.normal(size=(n, labels)) + 2.5 * truth
        score[:, 0] -= 6 * truth[:, 0] * (sex == "F")
        chance = 1 / (1 + np.exp(3 - 2 * score))
        cases = table(
            n,
            classes=tuple(f"finding {k}" for k in range(labels)),
            kind="multilabel",
            y_true=truth,
            probability=chance,
            decision=(chance > 0.5).astype(np.int64),
            groups={"sex": sex, "age": rng.choice(["0-40", "40-60", "60-80", "80-120"], n)},
        )
        names = ("roc_auc", "sensitivity", "specificity", "average_precision")
        found = rows(cases, [MetricSpec(name=name) for name in names])
        where = {"class": "finding 0", **SEX_F, "against": "rest"}
        for metric in ("roc_auc", "sensitivity"):
            row = find(found, metric, where)
            assert row.p is not None
            assert row.p < 0.05
        told = {row.where.get("class", "all") for row in found if row.p and row.p < 0.05}
        assert told == {"finding 0", "all"}

    @pytest.mark.parametrize("n", [300, 2_500])
    def test_a_rare_loss_that_none_of_ten_shows_is_no_gap(self, n: int) -> None:
        """Their Brier scores hardly scatter, so an interval is sure; random groups are not."""
        y_true = np.arange(n) % 2
        lost = (np.arange(n) % 10 == 0) & (np.arange(n) >= 10)
        doubt = np.where(lost, 0.95, 0.1 + 0.01 * (np.arange(n) % 3))
        chance = np.where(y_true == 1, 1 - doubt, doubt)
        cases = grouped(np.where(np.arange(n) < 10, "F", "M"), y_true=y_true)
        cases = dataclasses.replace(cases, probability=np.stack([1 - chance, chance], axis=1))
        found = rows(cases, [MetricSpec(name="brier")])
        row = find(found, "brier", {**SEX_F, "against": "rest"})
        assert row.ci is not None
        assert row.ci[1] < 0
        assert row.p is not None
        assert 0.2 < row.p < 0.6

    @pytest.mark.parametrize("metric", ["calibration_slope", "calibration_intercept"])
    def test_random_groups_need_no_fit_each(
        self, metric: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What moves a metric is drawn: a claim of a slope is confirmed without 9,999 of them."""
        cases = table(1_000)
        women, z = cases.groups["sex"] == "F", np.log(cases.probability[:, 1])
        z = z - np.log(cases.probability[:, 0])
        p = 1 / (1 + np.exp(-np.where(women, 4 * z + 3, z)))
        cases = dataclasses.replace(cases, probability=np.stack([1 - p, p], axis=1))
        fits: list[int] = []
        plain = logistic._fitted
        monkeypatch.setattr(logistic, "_fitted", lambda *a: (fits.append(len(a[3])), plain(*a))[1])
        row = find(rows(cases, [MetricSpec(name=metric)]), metric, {**SEX_F, "against": "rest"})
        assert row.p is not None
        assert row.p < 0.05
        assert 0 < sum(fits) < 200

    def test_calibration_is_held_against_random_groups_of_the_size(self) -> None:
        """A small group has the larger error by chance alone, and is not said to."""
        ece = (MetricSpec(name="ece"),)
        plain, apart = [], []
        for seed in range(12):
            cases = table(300, seed)
            small = dataclasses.replace(
                cases, groups={"sex": np.where(np.arange(300) < 40, "F", "M")}
            )
            found = rows(small, ece)
            sides = [find(found, "ece", {"group.sex": name}).value or 0.0 for name in "FM"]
            plain.append(sides[0] - sides[1])
            row = find(found, "ece", {**SEX_F, "against": "rest"})
            assert row.method is not None
            assert "less what random groups of these sizes differ by" in row.method
            apart.append(row.value or 0.0)
        assert np.mean(plain) > 0.06
        assert abs(np.mean(apart)) < 0.03

    def test_what_has_no_better_side_is_not_tested(self) -> None:
        found = rows(table(), [MetricSpec(name="ece")])
        assert {row.metric for row in found if row.where.get("against")} == {"ece"}
        assert find(found, "ece_floor", {"group.sex": "F", "group.age": "0-40"}).value


class TestGroupsOfWhichNothingHolds:
    def test_a_small_one_is_undefined_with_its_n(self) -> None:
        cases = grouped(np.where(np.arange(100) < 4, "F", "M"))
        found = rows(cases)
        for where in (SEX_F, {**SEX_F, "against": "rest"}):
            row = find(found, "accuracy", where)
            assert (row.value, row.n) == (None, 4)
            assert row.reason == "only 4 cases; groups_min_n is 10"
        other = find(found, "accuracy", {"group.sex": "M", "against": "rest"})
        assert other.reason == "of the rest: only 4 cases; groups_min_n is 10"
        gap = find(found, "accuracy", {"gap": "sex"})
        assert (gap.value, gap.excluded) == (None, 4)
        assert gap.reason is not None
        assert gap.reason.endswith("got 1")

    def test_one_of_one_class_is_undefined_with_its_counts(self) -> None:
        sex = np.where(np.arange(100) < 20, "F", "M")
        y_true = np.where(sex == "F", 0, np.arange(100) % 2)
        row = find(rows(grouped(sex, y_true=y_true)), "roc_auc", {**SEX_F, "against": "rest"})
        assert (row.value, row.reason) == (None, "needs cases of every class; got 20 no, 0 yes")
        gap = find(rows(grouped(sex, y_true=y_true)), OPPORTUNITY, {"gap": "sex"})
        assert gap.value is None

    def test_a_single_case_of_a_class_gives_a_value_and_no_test(self) -> None:
        sex = np.where(np.arange(100) < 20, "F", "M")
        y_true = np.where(sex == "F", np.arange(100) == 0, np.arange(100) % 2).astype(np.int64)
        row = find(rows(grouped(sex, y_true=y_true)), "roc_auc", {**SEX_F, "against": "rest"})
        assert row.value is not None
        assert (row.ci, row.p) == (None, None)
        assert row.method == "no interval where a class has fewer than two images"

    def test_one_group_has_no_rest(self) -> None:
        found = rows(grouped(np.full(60, "F")))
        row = find(found, "accuracy", {**SEX_F, "against": "rest"})
        assert row.reason == "there is no rest: all cases are of this group"
        assert find(found, "accuracy", SEX_F).value is not None
        assert find(found, "accuracy", {"gap": "sex"}).value is None

    def test_cases_of_no_group_are_unknown_and_in_no_gap_and_no_pair(self) -> None:
        cases = table()
        sex = np.where(np.arange(400) % 4 == 0, "", cases.groups["sex"])
        cases = dataclasses.replace(cases, groups={**cases.groups, "sex": sex})
        found = rows(cases)
        row = find(found, "accuracy", {"group.sex": "unknown", "against": "rest"})
        assert row.n == 100
        assert row.p is not None
        assert find(found, "accuracy", {"gap": "sex"}).n == 300
        pairs = [row for row in found if {"group.sex", "group.age"} <= row.where.keys()]
        assert pairs
        assert all("unknown" not in row.where.values() for row in pairs)

    def test_a_column_that_says_nothing_is_unknown_alone(self) -> None:
        found = rows(grouped(np.full(60, "")))
        assert not [row for row in found if "gap" in row.where]
        assert find(found, "accuracy", {"group.sex": "unknown", "against": "rest"}).value is None

    def test_where_no_metric_is_of_the_kind_there_is_nothing(self) -> None:
        found = rows(table(), [MetricSpec(name="exact_match")])
        assert find(found, "majority_rate", {}).value
        assert not [row for row in found if row.where.keys() & {"against", "gap"}]

    def test_without_groups_there_is_nothing(self) -> None:
        assert list(fairness([table(groups={})], METRICS, POLICY)) == []
        assert list(fairness([table().where(np.zeros(400, dtype=bool))], METRICS, POLICY)) == []

    def test_a_small_pair_is_one_row(self) -> None:
        cases = table()
        age = np.where(np.arange(400) < 5, "80-120", cases.groups["age"])
        found = rows(dataclasses.replace(cases, groups={**cases.groups, "age": age}))
        mine = [r for r in found if r.where.get("group.age") == "80-120" and len(r.where) == 2]
        pairs = [row for row in mine if "against" not in row.where]
        assert {row.metric for row in pairs} == {"roc_auc"}
        assert all(row.reason and row.reason.startswith("only ") for row in pairs)

    def test_too_many_pairs_are_said_and_not_measured(self) -> None:
        cases = table(2_000)
        many = {name: np.resize([f"{name}{k}" for k in range(9)], 2_000) for name in "ab"}
        many["b"] = np.repeat(many["b"][:9], 223)[:2_000]
        found = rows(dataclasses.replace(cases, groups=many), METRICS[1:])
        row = find(found, "accuracy", {"gap": "a x b"})
        assert row.reason == (
            f"81 pairs of groups more, and at most {MOST_PAIRS} are measured; declare fewer bands"
        )
        assert not [r for r in found if {"group.a", "group.b"} <= r.where.keys()]

    def test_a_ratio_to_nothing_is_not_there_and_one_of_nothing_is_0(self) -> None:
        sex = np.resize(["F", "M"], 100)
        y_true = np.repeat([0, 1], 50)
        cases = grouped(sex, y_true=y_true, decision=np.where(sex == "F", y_true, 0))
        found = rows(cases)
        places = [r.where for r in found if r.kind == "ratio" and r.metric == "sensitivity"]
        assert places == [{"group.sex": "M", "against": "rest", "as": "ratio"}]
        row = find(found, "sensitivity", places[0])
        assert (row.value, row.ci) == (0.0, None)

    @settings(max_examples=12, deadline=None)
    @given(st.data())
    def test_whatever_the_groups_rows_are_sound(self, data: Any) -> None:
        n = data.draw(st.integers(1, 24))
        values = st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=n, max_size=n)
        groups = {name: np.array(data.draw(values)) for name in ("x", "y")}
        truth = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
        cases = table(n, y_true=truth, groups=groups)
        policy = Policy(groups_min_n=data.draw(st.integers(1, 8)))
        found = list(fairness([cases], (*METRICS, MetricSpec(name="brier")), policy))
        Record(run={}, status="ok", measurements=tuple(found))
        for row in found:
            if row.ci is not None and row.value is not None:
                assert row.ci[0] - 1e-9 <= row.value <= row.ci[1] + 1e-9


class TestOthers:
    def test_masks_by_group(self) -> None:
        plain = masks.table(80)
        sex = np.resize(["F", "M"], 80)
        missed = np.where((sex == "F") & (np.arange(80) % 4 == 0), 1.0, 0.0)[:, None]
        cases = dataclasses.replace(
            plain,
            groups={"sex": sex},
            columns={
                **plain.columns,
                "missed": np.repeat(missed, 2, axis=1),
                "dice": np.where(missed, 0.0, plain.columns["dice"]),
            },
        )
        found = rows(cases, [MetricSpec(name="dice")])
        by_hand = cases.columns["dice"].mean(axis=1)
        row = find(found, "dice", {**SEX_F, "against": "rest"})
        assert row.value == pytest.approx(by_hand[sex == "F"].mean() - by_hand[sex == "M"].mean())
        assert row.over == "subject"
        assert find(found, "missed_cases", SEX_F).value == 0.5
        assert find(found, "missed_cases", {**SEX_F, "against": "rest"}).value == 0.5
        line = standing([record(run("liquid3d", "adrenal", "net", 0), found)])
        page = render(TestReport.RECIPE, board([line]), "md")
        assert "Missed cases by group" in page
        assert page.count("| sex F | higher than the rest: worse | 40 | 0.500 [0.35, 0.65]") == 1
        assert find(found, "missed_cases", {"gap": "sex"}).value == 0.5
        assert not [r for r in found if r.metric in (OPPORTUNITY, ODDS, "prevalence")]
        assert isinstance(cases, Segmented)

    def test_labels_have_odds_each(self) -> None:
        cases = three_classes()
        truth = np.random.default_rng(1).integers(2, size=(300, 3))
        cases = dataclasses.replace(
            cases, kind="multilabel", y_true=truth, decision=(cases.probability > 0.4).astype(int)
        )
        found = rows(cases)
        value = equal_opportunity_difference(
            truth[:, 1], cases.decision[:, 1], sensitive_features=cases.groups["sex"]
        )
        row = find(found, OPPORTUNITY, {"class": "b", "gap": "sex"})
        assert row.value == pytest.approx(value)

    def test_of_several_seeds_it_is_the_mean_that_is_compared(self) -> None:
        first = table()
        other = table(seed=1)
        shifted = dataclasses.replace(first, probability=other.probability, decision=other.decision)
        found = seed_means([first, shifted], METRICS, POLICY)
        where = {**SEX_F, "against": "rest"}
        row = find(found, "accuracy", where)
        each = [find(rows(cases), "accuracy", where).value or 0.0 for cases in (first, shifted)]
        assert row.value == pytest.approx(np.mean(each))
        assert row.method is not None
        assert row.method.startswith("mean of 2 seeds, two samples")
        same = find(seed_means([first, first], METRICS, POLICY), "roc_auc", where)
        assert same.ci == pytest.approx(find(rows(first), "roc_auc", where).ci)

    def test_how_many_rows_there_are(self) -> None:
        """As docs/fairness.md says of 3 metrics and 2 columns of 4 groups."""
        cases = table(2_000)
        groups = {
            name: np.random.default_rng(k).choice(list("abcd"), 2_000)
            for k, name in enumerate(("one", "two"))
        }
        found = list(fairness([dataclasses.replace(cases, groups=groups)], METRICS, POLICY))
        assert len(found) == 226


class TestReport:
    RECIPE = Recipe(name="r", title="T", suites=("liquid3d",), sections=("groups", "fairness"))

    def line(self, model: str, cases: Predictions) -> Standing:
        found = measured(cases, METRICS, POLICY)
        return standing([record(run("liquid3d", "adrenal", model, 0), found)])

    def unfair(self) -> Predictions:
        cases = table(800, gap=1.2)
        age = np.where(np.arange(800) < 7, "80-120", cases.groups["age"])
        return dataclasses.replace(cases, groups={**cases.groups, "age": age})

    @pytest.mark.parametrize("to", ["md", "html"])
    def test_a_page_says_who_is_told_apart_and_who_is_too_small(self, to: str) -> None:
        page = render(self.RECIPE, board([self.line("net", self.unfair())]), to)
        assert "lower than the rest: worse" in page
        assert "higher than the rest: better" in page
        assert "not told apart" in page
        assert "too small to tell" in page
        assert "Too small to tell, which is neither fair nor unfair: age 80-120 (n = 7)" in page
        assert "comparisons with the rest are told apart: sex F (ROC AUC lower" in page
        if to == "html":
            assert page.count("<figcaption>ROC AUC by") == 3

    def test_classes_are_columns_of_a_table_of_their_own(self) -> None:
        page = render(self.RECIPE, board([self.line("net", three_classes())]), "md")
        title = "ROC AUC of each class by group"
        _, found, after = page.partition(title)
        assert found
        [head, *_] = [line for line in after.splitlines() if line.startswith("| Group")]
        assert [cell.strip() for cell in head.split("|")[2:-1]] == ["a ↑", "b ↑", "c ↑"]
        assert title not in render(self.RECIPE, board([self.line("net", table())]), "md")

    def test_two_models_have_a_line_each(self) -> None:
        fair = table(400, seed=5, groups={"sex": np.resize(["F", "M"], 400)})
        lines = [self.line("unfair", self.unfair()), self.line("alike", fair)]
        page = render(self.RECIPE, board(lines), "md").partition("## Fairness")[2]
        [mine] = [line for line in page.splitlines() if line.startswith("| unfair")]
        assert "M over F, of 2 groups" in mine
        assert "None of 6 comparisons with the rest is told apart." in page

    def test_groups_list_neither_differences_nor_pairs(self) -> None:
        page = render(self.RECIPE, board([self.line("net", self.unfair())]), "md")
        groups = page.partition("## Groups")[2].partition("## Fairness")[0]
        assert "sex: F" in groups
        assert "against" not in groups
        assert "sex: F, age" not in groups

    def test_without_groups_there_is_no_chapter(self) -> None:
        page = render(self.RECIPE, board([self.line("net", table(groups={}))]), "md")
        assert "Fairness" not in page
