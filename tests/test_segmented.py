"""Right of the waist with masks: the table on disk, rows, differences, gates, accepted records."""

import dataclasses
import math

import masks
import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from harness.baselines import Entry
from harness.compare import difference, with_scores
from harness.differences import alike
from harness.errors import HarnessError
from harness.gate import Side, verdicts
from harness.guards.every import warn
from harness.guards.evidence import Evidence
from harness.question import in_order
from harness.record import Measurement, Record
from harness.rows import band, measured
from harness.segmented import Segmented
from harness.suite import Gate, Interval, MetricSpec, Policy, Suite
from harness.tables import read_cases
from harness.trial import settled

METRICS = (MetricSpec(name="dice"), MetricSpec(name="lesion_sensitivity"))
SIZES = (0.5, 2.0)


def whole() -> Segmented:
    """Test, val and train of the shipped file, and its torch twin on test and val."""
    parts = [
        masks.table(split=split, n=n, dice=dice)
        for split, n, dice in (("test", 60, 0.8), ("val", 20, 0.8), ("train", 30, 0.9))
    ]
    parts = [_apart(part) for part in parts]
    twins = [dataclasses.replace(part, variant=np.full(len(part), "torch")) for part in parts[:2]]
    return Segmented.concatenated([*parts, *twins])


def _apart(table: Segmented) -> Segmented:
    """With names that no other split has."""
    names = np.char.add(f"{table.split[0]}-", table.id.astype(str))
    return dataclasses.replace(table, id=names, subject=names)


def row(
    rows: tuple[Measurement, ...], metric: str, kind: str = "value", **where: str
) -> Measurement:
    [found] = [r for r in rows if r.metric == metric and r.where == where and r.kind == kind]
    return found


def test_a_table_comes_back_from_parquet() -> None:
    before = whole()
    after = read_cases(before.to_parquet(), "x")
    assert isinstance(after, Segmented)
    assert after.same_cases(before)
    assert after.alike(before, 0.0)
    assert after.columns.keys() == before.columns.keys()
    np.testing.assert_array_equal(after.facts["voxels"], before.facts["voxels"])
    np.testing.assert_array_equal(after.split, before.split)


def test_nan_stays_nan_on_disk() -> None:
    after = read_cases(masks.table().to_parquet(), "x")
    assert isinstance(after, Segmented)
    assert np.isnan(after.columns["false_alarm"]).all()


@pytest.mark.parametrize("data", [b"", b"PAR1 not a table PAR1", masks.table().to_parquet()[:-9]])
def test_a_broken_file_is_one_sentence(data: bytes) -> None:
    with pytest.raises(HarnessError, match=r"^x must be .* in Parquet, got"):
        read_cases(data, "x")


def test_the_value_is_the_mean_over_cases_then_classes() -> None:
    test = whole().select("test")
    rows = measured(whole(), METRICS, Policy())
    dice = test.columns["dice"]
    assert row(rows, "dice").value == pytest.approx(dice.mean(axis=0).mean())
    for k, name in enumerate(masks.CLASSES):
        found = row(rows, "dice", **{"class": name})
        assert found.value == pytest.approx(dice[:, k].mean())
        assert found.n == 60
    small = test.groups["size"] == "<6"
    assert row(rows, "dice", **{"group.size": "<6"}).value == pytest.approx(dice[small].mean())
    assert row(rows, "dice", split="val").n == 20


def test_the_interval_of_one_class_is_about_that_of_students_t() -> None:
    rows = measured(whole(), METRICS, Policy())
    values = whole().select("test").columns["dice"][:, 0]
    found = row(rows, "dice", **{"class": "anterior"})
    half = scipy.stats.t.ppf(0.975, 59) * values.std(ddof=1) / math.sqrt(60)
    assert found.ci == pytest.approx((values.mean() - half, values.mean() + half), abs=2e-3)


def with_dice(column: NDArray[np.float64]) -> Segmented:
    cases = masks.table()
    return dataclasses.replace(cases, columns={**cases.columns, "dice": column})


def test_what_is_left_out_is_counted_and_is_not_0() -> None:
    column = masks.table().columns["dice"].copy()
    column[:7, 0] = np.nan
    rows = measured(with_dice(column), METRICS, Policy())
    found = row(rows, "dice")
    assert found.excluded == 7
    assert found.value == pytest.approx((np.nanmean(column[:, 0]) + column[:, 1].mean()) / 2)
    alarm = row(rows, "false_alarm_cases")
    assert alarm.status == "undefined"
    assert alarm.excluded == 60


def test_lesions_are_told_apart_by_their_own_size() -> None:
    rows = measured(whole(), METRICS, Policy(), SIZES)
    assert row(rows, "lesion_sensitivity", bin="<0.5").value == pytest.approx(0.5)
    assert row(rows, "lesion_sensitivity", bin="0.5-2").value == pytest.approx(1.0)
    assert [band(*pair) for pair in ((0, 0.5), (0.5, 2), (2, math.inf))] == ["<0.5", "0.5-2", ">=2"]


def test_the_gap_to_training_cases_is_welchs() -> None:
    rows = measured(whole(), METRICS, Policy())
    found = row(rows, "dice", "difference", split="train-test")
    train, test = (whole().select(name).columns["dice"].mean(axis=1) for name in ("train", "test"))
    assert found.value == pytest.approx(train.mean() - test.mean())
    welch = scipy.stats.ttest_ind(train, test, equal_var=False).confidence_interval(0.95)
    assert found.ci == pytest.approx((welch.low, welch.high), abs=2e-3)


def test_the_gap_of_cases_that_are_in_both_is_paired() -> None:
    """As folds are joined: each case was tested once, and trained on in the other folds."""
    test = masks.table(split="test", n=40, dice=0.8)
    train = masks.table(split="train", n=40, dice=0.9, seed=1).where(np.arange(40)[::-1])
    rows = measured(Segmented.concatenated([test, train]), METRICS, Policy())
    found = row(rows, "dice", "difference", split="train-test")
    moved = train.columns["dice"].mean(axis=1)[::-1] - test.columns["dice"].mean(axis=1)
    paired = scipy.stats.ttest_1samp(moved, 0).confidence_interval(0.95)
    assert found.ci == pytest.approx((paired.low, paired.high), abs=1e-9)
    assert found.method is not None
    assert found.method.startswith("paired where in both")


def test_lesions_of_a_size_are_of_the_cases_that_have_some() -> None:
    """0.3 ml in every case; 1, 2 or 3 ml by turns, of which 1 alone is below 2."""
    few = masks.table(n=24)
    rows = measured(few, METRICS, Policy(groups_min_n=9), SIZES)
    found = {r.where["bin"]: r for r in rows if "bin" in r.where}
    assert {name: r.n for name, r in found.items()} == {"<0.5": 24, "0.5-2": 8, ">=2": 16}
    assert found["0.5-2"].reason == "only 8 cases; groups_min_n is 9"
    assert found[">=2"].value == 1.0


def test_bands_stand_in_the_order_of_their_numbers() -> None:
    names = ["12-20", "<0.5", "0.5-4", "unknown", "4-12", ">=20", "none"]
    ordered = ["<0.5", "0.5-4", "4-12", "12-20", ">=20", "none", "unknown"]
    assert sorted(names, key=in_order) == ordered
    assert sorted(["M", "", "F"], key=in_order) == ["", "F", "M"]


def test_the_export_is_told_apart_voxel_by_voxel() -> None:
    rows = measured(whole(), METRICS, Policy())
    flips = row(rows, "parity_flips")
    assert (flips.value, flips.n, flips.over) == (40.0, 80_000, "voxel")
    assert row(rows, "parity_max_abs").value == 1e-6
    assert row(rows, "dice", "difference", variant="torch").value == 0


def test_a_difference_is_paired_by_case() -> None:
    a, b = masks.table(dice=0.85, seed=1), masks.table(dice=0.8, seed=2)
    found = difference(METRICS[0], [a], [b], Interval())
    assert not isinstance(found, str)
    apart = (a.columns["dice"] - b.columns["dice"]).mean(axis=1)
    low, high = scipy.stats.ttest_1samp(apart, 0).confidence_interval(0.95)
    assert found.effect == pytest.approx(apart.mean())
    assert found.ci == pytest.approx((low, high), abs=1e-9)


def entry(cases: Segmented) -> Entry:
    rows = measured(cases, METRICS, Policy())
    about = {"id": "s/d/m/cpu/s0", "data": "x", "classes": list(masks.CLASSES), "policy": {}}
    return Entry(
        record=Record(run=about, status="ok", measurements=rows), scores=cases.scores(), history=()
    )


def suite(**where: str) -> Suite:
    return Suite(
        name="s",
        title="S",
        task="segment",
        datasets={},
        models={},
        metrics=METRICS,
        gates=(Gate(metric="dice", margin=0.02, where=where),),
    )


@pytest.mark.parametrize(("now", "status"), [(0.8, "ok"), (0.7, "regressed"), (0.9, "improved")])
@pytest.mark.parametrize("where", [{}, {"class": "posterior"}, {"group.size": "<6"}])
def test_a_gate_judges_cases_of_masks(now: float, status: str, where: dict[str, str]) -> None:
    cases = masks.table(dice=now, seed=1)
    side = Side(subject="m", entries={0: entry(cases)}, predictions={0: cases})
    found = verdicts(suite(**where), side, {0: entry(masks.table(dice=0.8, seed=2))})
    [verdict] = settled(found)
    assert verdict.status == status


def test_accepted_columns_of_other_cases_are_refused() -> None:
    with pytest.raises(HarnessError, match=r"accepted scores of s/d/m/cpu/s0 must be of these 30"):
        with_scores(masks.table(n=30), entry(masks.table(n=60)), 0.5)


def test_the_same_answers_are_alike_and_one_lesion_less_is_not() -> None:
    a, b = masks.table(), masks.table()
    assert alike(a, b)
    b.columns["lesion_found"][3, 1] = np.array([0.0, 0.0])
    assert not alike(a, b)


def test_masks_have_their_own_doubts() -> None:
    nothing = masks.table(predicted_ml=np.zeros((60, 2)), dice=0.0)
    assert [each["code"] for each in warn(Evidence.of(nothing))] == ["nothing-found"] * 2
    assert warn(Evidence.of(masks.table())) == ()
    assert [each["code"] for each in warn(Evidence.of(whole()))] == ["train-test-gap"]


def test_one_class_has_no_row_of_its_own() -> None:
    rows = measured(masks.table(classes=("lesion",)), METRICS, Policy())
    assert not [r for r in rows if "class" in r.where]
    assert {r.where.get("variant") for r in rows} == {None}
