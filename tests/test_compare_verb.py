"""`compare`: what it says of two models, by each test, adjusted, and in words."""

import dataclasses
from pathlib import Path
from typing import Any

import line
import numpy as np
import pytest
from scipy.stats import binomtest, norm
from test_compare import predictions

from harness.compare import difference
from harness.differences import Difference
from harness.errors import HarnessError
from harness.plan import EXTERNAL
from harness.predictions import Predictions
from harness.retest import Test, retest
from harness.statistics.multiplicity import benjamini_hochberg, holm
from harness.suite import Interval, MetricSpec
from harness.verbs import compare as module
from harness.verbs._scope import Answer, Scope
from harness.verbs._versus import ADJUSTED, Adjust, Row, answer
from harness.verbs.compare import compare

TESTS: tuple[Test, ...] = ("default", "bootstrap", "permutation", "mcnemar")
OTHER = TESTS[1:]


def found(metric: str, a: Predictions, b: Predictions, **changes: Any) -> Difference:
    """The default's."""
    result = difference(MetricSpec(name=metric), [a], [b], Interval())
    assert isinstance(result, Difference)
    p = changes.pop("p", result.p)
    return dataclasses.replace(result.tested(p), **changes)


def again(
    test: Test, metric: str, a: Predictions, b: Predictions, where: dict[str, str] | None = None
) -> Difference | str:
    spec, policy = MetricSpec(name=metric), Interval()
    first = difference(spec, [a], [b], policy, where)
    assert isinstance(first, Difference)
    return retest(first, test, spec, [a], [b], policy, where)


def p_of(test: Test, metric: str, a: Predictions, b: Predictions) -> float:
    result = again(test, metric, a, b)
    assert isinstance(result, Difference)
    return result.p


# Tests on request


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss"])
def test_tests_agree_where_there_is_much_to_see_and_where_there_is_none(metric: str) -> None:
    good, bad, like = predictions(1, n=300, shift=3.0), predictions(2, n=300), predictions(3, n=300)
    kinds: tuple[Test, ...] = TESTS if metric == "accuracy" else TESTS[:3]
    for test in kinds:
        assert p_of(test, metric, good, bad) < 0.01
        assert p_of(test, metric, bad, good) < 0.01
    by_chance = [p_of(test, metric, bad, like) for test in kinds]
    assert min(by_chance) > 0.05
    assert max(by_chance) - min(by_chance) < 0.2


@pytest.mark.parametrize("test", TESTS)
def test_a_model_against_itself_is_alike(test: Test) -> None:
    table = predictions(1)
    result = again(test, "accuracy", table, table)
    assert isinstance(result, Difference)
    assert (result.p, result.effect, result.ci) == (1.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize("test", TESTS)
def test_effect_and_values_are_the_defaults_whatever_the_test(test: Test) -> None:
    a, b = predictions(1, shift=2.0), predictions(2)
    result, first = again(test, "accuracy", a, b), found("accuracy", a, b)
    assert isinstance(result, Difference)
    kept = ("a", "b", "effect", "error", "n", "over", "level")
    assert [getattr(result, of) for of in kept] == [getattr(first, of) for of in kept]
    assert (result.ci == first.ci) == (test != "bootstrap")


@pytest.mark.parametrize(
    ("metric", "of"), [("accuracy", None), ("sensitivity", 1), ("specificity", 0)]
)
def test_mcnemar_is_scipys_on_the_cases_that_a_metric_counts(metric: str, of: int | None) -> None:
    a, b = predictions(1, shift=2.0), predictions(2)
    mine = np.ones(120, dtype=bool) if of is None else a.y_true == of
    one, other = (table.decision[mine] == table.y_true[mine] for table in (a, b))
    theirs = binomtest(int((one & ~other).sum()), int((one != other).sum())).pvalue
    assert p_of("mcnemar", metric, a, b) == pytest.approx(theirs)


def test_mcnemar_is_of_shares_and_of_one_checkpoint() -> None:
    a, b = predictions(1), predictions(2)
    assert "is for shares of right cases, and roc_auc" in str(again("mcnemar", "roc_auc", a, b))
    first, spec = found("accuracy", a, b), MetricSpec(name="accuracy")
    said = retest(first, "mcnemar", spec, [a, b], [b, a], Interval())
    assert said == "McNemar's test is of one checkpoint against another; name a --seed"


def labelled(*seeds: int) -> Predictions:
    """Two labels a case."""
    tables = [predictions(seed, shift=2.0) for seed in seeds]
    truth, decided = (
        np.stack([getattr(table, of) for table in tables], axis=1) for of in ("y_true", "decision")
    )
    return dataclasses.replace(tables[0], kind="multilabel", y_true=truth, decision=decided)


def test_of_labels_mcnemar_is_for_cases_all_of_whose_labels_are_right() -> None:
    a, b = labelled(1, 2), labelled(3, 4)
    assert isinstance(again("mcnemar", "accuracy", a, b), str)
    one, other = ((table.decision == table.y_true).all(axis=1) for table in (a, b))
    theirs = binomtest(int((one & ~other).sum()), int((one != other).sum())).pvalue
    assert p_of("mcnemar", "exact_match", a, b) == pytest.approx(theirs)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_bootstrap_interval_is_of_the_gain(metric: str) -> None:
    """Of what is better when higher, and of what is better when lower."""
    result = again("bootstrap", metric, predictions(1, shift=3.0), predictions(2))
    assert isinstance(result, Difference)
    assert 0 < result.ci[0] < result.effect < result.ci[1]


@pytest.mark.parametrize("test", OTHER)
def test_subjects_stay_whole(test: Test) -> None:
    alone = predictions(1, shift=2.0), predictions(2)
    whole = predictions(1, shift=2.0, subjects=True), predictions(2, subjects=True)
    results = [again(test, "accuracy", *pair) for pair in (alone, whole)]
    by_image, by_subject = (each for each in results if isinstance(each, Difference))
    assert by_image.p != by_subject.p
    assert "over images" in by_image.method
    assert "over subjects" in by_subject.method


@pytest.mark.parametrize("test", OTHER)
def test_a_cohort_is_as_if_there_were_no_other_cases(test: Test) -> None:
    a, b = predictions(1, shift=1.5), predictions(2)
    women = [table.where(table.groups["sex"] == "F") for table in (a, b)]
    inside = again(test, "accuracy", a, b, {"group.sex": "F"})
    assert inside == again(test, "accuracy", *women)


def test_a_bootstrap_that_is_often_undefined_has_no_answer() -> None:
    """Of two positives about one resample in eight has none."""
    few = [table.where(np.isin(np.arange(120), [0, 3, *range(1, 120, 3)])) for table in pair()]
    assert "is undefined in" in str(again("bootstrap", "roc_auc", *few))


def pair() -> tuple[Predictions, Predictions]:
    return predictions(1, shift=2.0), predictions(2)


def test_constant_scores_stand_at_chance() -> None:
    a = predictions(1, shift=3.0)
    flat = dataclasses.replace(a, probability=np.full((120, 2), 0.5), decision=np.zeros(120, int))
    for test in TESTS[:3]:
        result = again(test, "roc_auc", a, flat)
        assert isinstance(result, Difference)
        assert result.b == 0.5
        assert result.p < 0.01
        assert p_of(test, "roc_auc", flat, flat) == 1.0


# What is said


def rows() -> list[Row]:
    """One clear gain, one that may be chance, one that could not be tested."""
    a, b = predictions(1, n=300, shift=3.0), predictions(2, n=300)
    like = predictions(3, n=300)
    return [
        Row(on="here", metric="roc_auc", found=found("roc_auc", a, b)),
        Row(on="here", metric="accuracy", found=found("accuracy", b, like)),
        Row(on="here", metric="f1", found="f1 is undefined: it needs positive cases"),
    ]


def test_p_is_adjusted_for_what_was_tested_and_for_nothing_else() -> None:
    raw = [each.found.p for each in rows() if isinstance(each.found, Difference)]
    assert len(raw) == 2
    oracles = {"holm": holm(raw), "benjamini-hochberg": benjamini_hochberg(raw), "none": raw}
    for adjust, expected in oracles.items():
        data = answer("a", "b", rows(), adjust, 0.05).data  # type: ignore[arg-type]
        tested = [each for each in data["differences"] if "p" in each]
        assert [each["p_adjusted"] for each in tested] == pytest.approx(list(expected))
        assert data["adjust"] == adjust


def test_it_is_the_adjusted_p_that_tells_models_apart() -> None:
    near = found("accuracy", predictions(1, n=300, shift=3.0), predictions(2, n=300), p=0.03)
    twice = [Row(on=on, metric="m", found=near) for on in ("here", "there")]
    apart = {
        adjust: [
            each["apart"] for each in answer("a", "b", twice, adjust, 0.05).data["differences"]
        ]
        for adjust in ADJUSTED
    }
    assert apart == {"holm": [False] * 2, "benjamini-hochberg": [True] * 2, "none": [True] * 2}


def test_words_say_who_is_better_and_what_it_would_take() -> None:
    said = answer("ours", "theirs", rows(), "holm", 0.05)
    first, second = said.data["conclusion"]
    assert first == "At a level of 0.05 (Holm over 2): ours is better by roc_auc."
    assert second.startswith("Not told apart: accuracy; 0.")
    [needed] = [each["needed"] for each in said.data["differences"] if "needed" in each]
    assert second.endswith(f", as found, needs about {needed:,} images.")
    assert said.text.splitlines()[-2:] == said.data["conclusion"]
    assert said.text.splitlines()[3].split("  ")[-1].endswith("it needs positive cases")


def test_places_are_named_where_there_are_several() -> None:
    near = found("accuracy", predictions(1, n=300, shift=3.0), predictions(2, n=300), p=0.001)
    places = [Row(on=on, metric="m", found=near) for on in ("here", "there", "beyond")]
    [first] = answer("a", "b", places, "holm", 0.05).data["conclusion"]
    assert first.endswith("a is better by m on here, m on there and m on beyond.")


def test_the_worse_side_is_named_too() -> None:
    lost = found("roc_auc", predictions(2, n=300), predictions(1, n=300, shift=3.0))
    [sentence] = answer("a", "b", [Row(on="x", metric="auc", found=lost)], "none", 0.05).data[
        "conclusion"
    ]
    assert sentence == "At a level of 0.05 (each test alone): b is better by auc."


def needed(each: Difference, adjust: Adjust, among: int) -> int:
    """Of one difference that may be chance, told beside others like it."""
    many = [Row(on=str(k), metric="m", found=each) for k in range(among)]
    found: int = answer("a", "b", many, adjust, 0.05).data["differences"][0]["needed"]
    return found


def test_the_n_that_is_needed_has_the_power_that_is_said() -> None:
    """By the normal distribution: Holm's first of ten tests is held to a tenth of the level."""
    chance = found("accuracy", predictions(2, n=300), predictions(3, n=300))
    cases: list[tuple[Adjust, int, float]] = [("none", 10, 0.05), ("holm", 10, 0.005)]
    for adjust, among, level in cases:
        n = needed(chance, adjust, among)
        error = chance.error * np.sqrt(chance.n / n)
        power = norm.sf(norm.isf(level / 2) - abs(chance.effect) / error)
        assert power == pytest.approx(0.8, abs=0.001)
    half = dataclasses.replace(chance, effect=chance.effect / 2)
    assert needed(half, "holm", 1) == pytest.approx(4 * needed(chance, "holm", 1), abs=4)


def test_what_would_have_been_seen_is_more_where_more_is_tested() -> None:
    chance = found("accuracy", predictions(2, n=300), predictions(3, n=300))
    seen = []
    for among in (1, 10):
        many = [Row(on=str(k), metric="m", found=chance) for k in range(among)]
        [first, *_] = answer("a", "b", many, "holm", 0.05).data["differences"]
        seen.append(first["minimum_detectable_effect"])
        assert seen[-1] == chance.detectable(0.0, 0.05 / among / 2)
    assert seen[0] < seen[1]


def test_a_side_that_never_errs_does_not_say_what_would_have_been_seen() -> None:
    """Of a specificity of 1 the error is 0, which is no promise to see the smallest drop."""
    a, sure = predictions(2, n=300), predictions(1, n=300)
    never = np.where(sure.y_true == 0, 0, sure.decision)
    sure = dataclasses.replace(sure, decision=never)
    for sides in ((a, sure), (sure, a)):
        each = found("specificity", *sides, p=0.3)
        assert 0.0 in each.errors
        said = answer("a", "b", [Row(on="x", metric="m", found=each)], "holm", 0.05)
        assert "minimum_detectable_effect" not in said.data["differences"][0]
        assert "would have been seen" not in said.text


def test_nothing_is_promised_of_models_that_never_differ() -> None:
    table = predictions(1)
    [first, second] = answer(
        "a", "b", [Row(on="x", metric="m", found=found("accuracy", table, table))], "holm", 0.05
    ).data["conclusion"]
    assert first == "At a level of 0.05 (Holm over 1): nothing tells a and b apart."
    assert second == "Not told apart: m."


def test_with_nothing_tested_there_is_a_table_and_no_sentence() -> None:
    only = answer("a", "b", [rows()[2]], "holm", 0.05)
    assert len(only.text.splitlines()) == 2
    assert only.data["conclusion"] == []


# The verb


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    """Two finished files, of which the duller one has other thoughts of half the cases."""
    folder = tmp_path_factory.mktemp("user")
    line.onnx_file(folder / "bright.onnx")
    line.onnx_file(folder / "dull.onnx", scale=-3.0, shift=1.2)
    files = [line.finished(name, folder / f"{name}.onnx") for name in ("bright", "dull")]
    metrics = ["roc_auc", "accuracy", "log_loss"]
    path = line.suite(folder, models="\n".join(files), metrics=metrics)
    with line.no_warm_up():
        scope, _ = line.measure(path, folder / "runs")
    return scope


def by_metric(said: Answer) -> dict[str, Any]:
    return {each["metric"]: each for each in said.data["differences"]}


def test_every_test_is_told_by_its_name(opened: Scope) -> None:
    names = {test: by_metric(compare(opened, "bright", "dull", test=test)) for test in TESTS}
    assert names["default"]["roc_auc"]["method"].startswith("paired by subject, DeLong")
    assert names["bootstrap"]["roc_auc"]["method"].startswith("paired percentile bootstrap")
    exact = names["permutation"]["roc_auc"]["method"]
    assert exact.startswith("exact permutation over subjects; interval: paired by subject, DeLong")
    assert names["mcnemar"]["accuracy"]["method"].startswith("exact McNemar over subjects")
    assert "shares of right cases" in names["mcnemar"]["log_loss"]["reason"]
    effects = {name: found["accuracy"]["effect"] for name, found in names.items()}
    assert len(set(effects.values())) == 1


def test_folders_are_compared_like_models_and_cohorts_like_all(opened: Scope) -> None:
    folders = [str(opened.folder(run)) for run in opened.runs]
    for options in ({}, {"where": ["class=lesion"]}, {"test": "bootstrap"}):
        one = by_metric(compare(opened, *folders, **options))  # type: ignore[arg-type]
        other = by_metric(compare(opened, "bright", "dull", **options))  # type: ignore[arg-type]
        assert [{**each, "on": ""} for each in one.values()] == [
            {**each, "on": ""} for each in other.values()
        ]


def test_a_class_against_the_rest_mirrors_in_a_binary_task(opened: Scope) -> None:
    table = module.shipped(opened.folder(opened.runs[0]))
    one, other = (
        by_metric(compare(opened, "bright", "dull", where=[f"class={name}"]))
        for name in table.classes
    )
    assert one["roc_auc"]["effect"] == pytest.approx(other["roc_auc"]["effect"])


def test_every_test_is_of_the_cohort_that_was_named(opened: Scope) -> None:
    tables = [module.shipped(opened.folder(run)) for run in opened.runs]
    inside = [table.where(table.groups["site"] == "A") for table in tables]
    for test in TESTS[1:3]:
        said = compare(opened, "bright", "dull", test=test, where=["group.site=A"])
        expected = again(test, "log_loss", *inside)
        assert isinstance(expected, Difference)
        row = by_metric(said)["log_loss"]
        assert (row["p"], tuple(row["ci"])) == (expected.p, expected.ci)
        assert row["n"] < len(np.unique(tables[0].subject))


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (["lesion"], "where must be KEY=VALUE, such as class=malignant, got 'lesion'"),
        (["class=frob"], "where must be a class or group of the data, got class = 'frob'"),
        (["group.site=Z"], "where must be a class or group of the data, got group.site = 'Z'"),
    ],
)
def test_a_cohort_that_is_none_is_one_sentence(
    opened: Scope, where: list[str], sentence: str
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        compare(opened, "bright", "dull", where=where)


def test_other_cases_are_refused(opened: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.shipped

    def cut(folder: Path) -> Predictions:
        table = real(folder)
        return table.where(np.arange(len(table) - 1)) if "dull" in str(folder) else table

    monkeypatch.setattr(module, "shipped", cut)
    with pytest.raises(HarnessError, match="must hold the same cases, got different ones"):
        compare(opened, "bright", "dull")


def test_predictions_made_elsewhere_stand_beside_any_device(opened: Scope) -> None:
    [dull] = [run for run in opened.runs if run.model == "dull"]
    foreign = dataclasses.replace(dull, model="foreign", device=EXTERNAL)
    runs, folders = (*opened.runs, foreign), {foreign: opened.folder(dull)}
    scope = dataclasses.replace(opened, runs=runs, external=folders)
    one, other = (by_metric(compare(scope, "bright", name)) for name in ("foreign", "dull"))
    assert {each["on"] for each in one.values()} == {"phantom cpu/external"}
    assert [{**each, "on": ""} for each in one.values()] == [
        {**each, "on": ""} for each in other.values()
    ]
