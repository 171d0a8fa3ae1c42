"""`harness audit`: tables, metadata, what cannot be read, and what `check --strict` makes of it."""

import csv
import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import line
import numpy as np
import own
import pytest
from checking import harness
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from harness.audit.ages import ages, plain, years
from harness.audit.balance import balance, binned
from harness.audit.collected import Collected
from harness.audit.columns import columns
from harness.audit.every import audit
from harness.audit.finding import Finding
from harness.audit.labels import labels
from harness.audit.sexes import sexes
from harness.audit.shortcuts import shortcuts
from harness.audit.subjects import subjects
from harness.audit.words import words
from harness.datasets import arrays
from harness.errors import HarnessError
from harness.samples import bands
from harness.suite import Dataset, Split

RNG = np.random.default_rng(0)
DATA = Path(os.environ.get("HARNESS_DATA") or "nowhere")
NIH = Path("nih_chestxray14_sample/sample_labels.csv")
HEADER = "image,findings,person,Patient Age,Gender,view,part"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_DATA", raising=False)


def table(n: int = 200, **columns: Any) -> Collected:
    """Cases without images, half of them for training, of people with two each."""
    told = {"targets": RNG.permutation(np.arange(n) % 2), "classes": ("well", "ill")}
    named = {name: columns.pop(name) for name in ("targets", "classes", "bands") if name in columns}
    return Collected(
        splits=("train", "val", "test"),
        ids=np.array([f"case-{k}" for k in range(n)]),
        split=np.repeat(["train", "val", "test"], [n // 2, n // 4, n - n // 2 - n // 4]),
        kind="nominal",
        subjects=columns.pop("who", np.array([f"p{k // 2}" for k in range(n)])),
        columns={name: np.asarray(column).astype(str) for name, column in columns.items()},
        **{**told, **named},
    )


def by_code(findings: Any) -> dict[str, Finding]:
    told = list(findings)
    assert len({each.code for each in told}) == len(told)
    return {each.code: each for each in told}


def codes(name: str, **split: Any) -> list[str]:
    """Of a suite's only dataset."""
    told = audit(Dataset(load="arrays", args=split.pop("args"), **split), None, lambda _: None)
    return [each.code for each in told.findings]


# --- metadata ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60", 60), ("060Y", 60), ("018M", 1.5), ("7D", 7 / 365.25), ("40.5 years", 40.5), ("-1", -1)],
)
def test_ages_are_read_with_their_unit(text: str, expected: float) -> None:
    found = years(text)
    assert found is not None
    assert found[0] == pytest.approx(expected)


@given(st.text())
def test_what_is_no_age_is_not_taken_for_one(text: str) -> None:
    found = years(text)
    assert found is None or any(letter.isdigit() for letter in text)


def test_impossible_ages_and_those_with_units_are_named() -> None:
    age = np.full(200, "045Y", dtype=object)
    age[[3, 8, 9, 11, 12, 13]] = ["411Y", "007D", "012M", "-3Y", "old", ""]
    told = by_code(ages(table(PatientAge=age.astype(str))))
    assert told["impossible-age"].cases == ("case-3", "case-11")
    assert told["impossible-age"].severity == "fault"
    assert "'411Y' (case-3), '-3Y' (case-11)" in told["impossible-age"].message
    assert told["age-unit"].cases == ("case-8", "case-9")
    assert "196 in years" in told["age-unit"].message
    assert "1 in months, as '012M' (case-9)" in told["age-unit"].message
    assert "1 in days, as '007D' (case-8)" in told["age-unit"].message
    assert told["no-age"].cases == ("case-12",)
    plain = by_code(ages(table(age=np.arange(200) % 90)))
    assert list(plain) == ["age-zero"]
    assert list(ages(table(image=age.astype(str), stage=age.astype(str)))) == []


def test_ages_are_numbers_for_what_is_told_of_groups() -> None:
    age = np.where(np.arange(200) % 20 == 0, "old", (np.arange(200) % 60 + 20).astype(str))
    assert plain(table(age=age))["age"].tolist()[:3] == ["", "21", "22"]
    mixed = plain(table(age=np.array(["060Y", "018M"] * 100)))["age"]
    assert mixed.tolist()[:2] == ["60", "1.5"]
    for column in (np.array(["young", "old"] * 100), np.array([""] * 200)):
        assert plain(table(age=column))["age"].tolist() == column.tolist()


def test_names_of_columns_have_words() -> None:
    assert all("age" in words(name) for name in ("age", "Patient Age", "PatientAge", "age_years"))
    assert not any("age" in words(name) for name in ("image", "stage", "dosage", "Image Index"))


def test_codes_of_sex() -> None:
    sex = np.array(["F", "M"] * 100, dtype=object)
    sex[[4, 6, 8, 10]] = ["female", "7", "unknown", ""]
    data = table(sex=sex.astype(str), who=np.array([f"p{k}" for k in range(200)]))
    told = by_code(sexes(data))
    assert told["unknown-sex"].cases == ("case-6",)
    assert "'F' 96, 'female' 1" in told["several-codes"].message
    assert list(told) == ["unknown-sex", "several-codes"]
    assert by_code(columns(data))["word-for-unknown"].cases == ("case-8",)
    assert by_code(columns(data))["missing-value"].cases == ("case-8", "case-10")
    changing = by_code(sexes(table(Gender=np.array(["F", "M"] * 100))))
    assert "100 subjects have several values" in changing["changing-sex"].message


def test_a_band_needs_numbers() -> None:
    data = table(age=np.array(["40"] * 199 + ["41Y"]), bands=("age",))
    told = by_code(columns(data))
    assert told["no-number"].cases == ("case-199",)
    with pytest.raises(HarnessError, match="age must be numbers"):
        bands(data.columns, "age", (0, 40))


# --- labels, subjects and balance -------------------------------------------------------------


def test_labels_that_are_no_class() -> None:
    targets = np.zeros(200, dtype=np.int64)
    targets[[5, 7]] = 2, -1
    [one] = labels(table(targets=targets))
    assert (one.severity, one.cases) == ("fault", ("case-5", "case-7"))
    several = np.ones((200, 2), dtype=np.int64)
    several[4], several[9, 1] = 0, 3
    assert [each.code for each in labels(table(targets=several))] == ["label-out-of-range"]
    several[9, 1] = 0
    assert [each.cases for each in labels(table(targets=several))] == [("case-4",)]


def test_subjects_on_both_sides() -> None:
    who = np.array([f"p{k}" for k in range(200)], dtype=object)
    who[[3, 120, 180]] = "p3"
    [one] = subjects(table(who=who.astype(str)))
    assert (one.code, one.severity) == ("leak-subject", "leak")
    assert one.cases == ("case-3", "case-120", "case-180")
    assert "p3 in train and val and test" in one.message
    assert list(subjects(table())) == []
    assert [each.code for each in subjects(table(who=None))] == ["no-subjects"]


def test_a_shift_of_groups_is_that_of_scipy() -> None:
    site = np.where(np.arange(200) < 100, "A", "B")
    told = [each for each in balance(table(site=site)) if each.code.endswith("shift")]
    assert [(each.code, each.severity) for each in told] == [("group-shift", "warning")]
    observed = np.array([[50, 0], [0, 25], [0, 25]])
    effect = np.sqrt(stats.chi2_contingency(observed).statistic / 100)
    assert f"V {effect:.2f}" in told[0].message
    even = [each for each in balance(table(site=np.array(["A", "B"] * 100)))]
    assert not [each for each in even if each.code.endswith("shift")]


def test_shifts_are_rarely_claimed_where_there_is_none() -> None:
    claimed = sum(
        any(
            each.code.endswith("shift")
            for each in balance(table(400, site=RNG.choice(list("ABC"), 400)))
        )
        for _ in range(200)
    )
    assert claimed <= 8


def test_rare_classes_are_named() -> None:
    targets = np.zeros(200, dtype=np.int64)
    targets[[3, 150]] = 1
    told = [each.message for each in balance(table(targets=targets)) if each.code == "few-cases"]
    assert [message.partition(" has")[0] for message in told] == ["train", "val", "test"]
    assert "ill 1" in told[0]
    assert "ill 0" in told[1]


def test_numbers_are_binned_and_names_are_kept() -> None:
    values = binned(np.arange(80).astype(str))
    assert np.unique(values, return_counts=True)[1].tolist() == [10] * 8
    assert binned(np.array(["a", "", "unknown", "b"])).tolist() == ["a", "", "", "b"]
    names = np.array([f"n{k}" for k in range(40)] + ["x"] * 30)
    assert set(binned(names).tolist()) == {"", "x"}


# --- shortcuts --------------------------------------------------------------------------------


def test_a_shortcut_is_found_and_its_area_is_about_that_of_the_column() -> None:
    ill = np.repeat(RNG.permutation(np.arange(300) % 2), 2)
    view = np.where(RNG.random(600) < 0.85, ill, 1 - ill)
    data = table(600, targets=ill, view=np.where(view == 1, "AP", "PA"), dose=RNG.random(600))
    [one] = shortcuts(data)
    assert (one.severity, one.code) == ("warning", "shortcut")
    assert "'view' alone tells 'ill'" in one.message
    told = float(one.message.partition("ROC AUC of ")[2][:4])
    assert told == pytest.approx(roc_auc_score(ill, view), abs=0.02)


def test_shortcuts_are_rarely_claimed_where_there_is_none() -> None:
    claimed = 0
    for _ in range(100):
        site, age = RNG.choice(list("ABCD"), 100), RNG.integers(20, 90, 100)
        ill = np.repeat(RNG.permutation(np.arange(100) % 2), 2)
        data = table(200, targets=ill, site=np.repeat(site, 2), age=np.repeat(age, 2))
        claimed += len(list(shortcuts(data)))
    assert claimed <= 8


def test_few_subjects_prove_no_shortcut() -> None:
    ill = np.array([1] * 20 + [0] * 180)
    assert list(shortcuts(table(targets=ill, site=ill))) == []
    who = np.array([f"p{k}" for k in range(200)])
    assert len(list(shortcuts(table(targets=ill, site=ill, who=who)))) == 1


# --- one's own tables -------------------------------------------------------------------------


def rows(n: int = 120) -> list[list[str]]:
    """Of a table as hospitals write them: no images, and ages with units."""
    ill = RNG.random(n) < 0.4
    return [
        [
            *(f"{k:08}_000.png", "Mass|Effusion" if ill[k] else "", f"{k // 2:08}"),
            *(f"{20 + k % 60:03}Y", "FM"[k // 2 % 2], "PA", ("train", "val", "test")[k // 2 % 3]),
        ]
        for k in range(n)
    ]


def write(cases: list[list[str]], name: str = "cases.csv") -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER.split(","), *cases])


ARGS: dict[str, Any] = {
    "file": "cases.csv",
    "image": "",
    "label": "findings",
    "kind": "multilabel",
    "subject": "person",
    "groups": ["Patient Age", "Gender", "view"],
    "official": "part",
}


def test_a_table_without_images_is_read_by_audit_alone() -> None:
    write(rows())
    samples = arrays.load("train", None, **ARGS)
    assert (len(samples), samples.pixels.size) == (40, 0)
    with pytest.raises(HarnessError, match="must have images to be run"):
        samples.given((0, 1))
    assert arrays.fingerprint(None, **ARGS) == arrays.fingerprint(None, **ARGS)
    assert set(codes("", args=ARGS)) == {"age-unit", "classes", "no-label", "groups"}


def test_every_dirty_value_of_a_table_is_named() -> None:
    cases = rows()
    cases[3][3], cases[6][3], cases[9][3] = "411Y", "013M", "001D"
    cases[12][4], cases[13][4] = "9", "9"
    cases[20][2] = cases[0][2]
    write(cases)
    told = audit(Dataset(load="arrays", args=ARGS), None, lambda _: None)
    cases_of = {each.code: each.cases for each in told.findings}
    assert cases_of["impossible-age"] == ("case-3",)
    assert set(cases_of["age-unit"]) == {"case-6", "case-9"}
    assert set(cases_of["unknown-sex"]) == {"case-12", "case-13"}
    assert {"case-0", "case-20"} <= set(cases_of["leak-subject"])
    message = {each.code: each.message for each in told.findings}["leak-subject"]
    assert "1 subject is in more than one split, with 3 cases" in message
    with pytest.raises(HarnessError, match="each subject in one split"):
        arrays.load("train", None, **ARGS)


@pytest.mark.parametrize("kind", ["nominal", "multilabel"])
def test_labels_and_splits_that_a_reader_refuses_are_named(kind: str) -> None:
    cases = rows()
    for case in cases:
        case[1] = case[1] if kind == "multilabel" else case[1][:4] or "well"
    cases[5][1], cases[7][6] = "Mass|Cat" if kind == "multilabel" else "Cat", "trian"
    write(cases)
    known = ["Mass", "Effusion"] if kind == "multilabel" else ["well", "Mass"]
    declared = {**ARGS, "kind": kind, "classes": known}
    with pytest.raises(HarnessError, match=r"'Cat'|'trian'"):
        arrays.load("train", None, **declared)
    told = audit(Dataset(load="arrays", args=declared), None, lambda _: None)
    found = {each.code: each for each in told.findings}
    assert found["label-out-of-range"].cases == ("case-5",)
    assert f"{', '.join(known)}: Cat" in found["label-out-of-range"].message
    assert found["no-split"].cases == ("case-7",)
    assert told.data is not None
    assert len(told.data) == 119


@pytest.mark.parametrize("kind", ["nominal", "ordinal"])
def test_numbers_of_named_classes_are_known_and_missing_labels_are_named(kind: str) -> None:
    cases = rows()
    for k, case in enumerate(cases):
        case[1] = str(k % 2)
    cases[4][1], cases[8][1], cases[9][1] = "2", "", ""
    write(cases)
    args = {**ARGS, "kind": kind, "classes": ["well", "ill"]}
    told = audit(Dataset(load="arrays", args=args), None, lambda _: None)
    found = {each.code: each for each in told.findings}
    assert found["label-out-of-range"].cases == ("case-4",)
    assert "none of well, ill: 2" in found["label-out-of-range"].message
    assert found["missing-label"].cases == ("case-8", "case-9")
    assert told.data is not None
    assert told.data.classes == ("well", "ill", "2", "no label")
    by_id = dict(zip(told.data.ids.tolist(), range(len(told.data)), strict=True))
    assert [told.data.label(by_id[f"case-{k}"]) for k in (2, 3, 4, 8)] == [
        *("well", "ill", "2", "no label")
    ]


def test_why_no_run_reads_a_table_is_said() -> None:
    cases = rows()
    write(cases)
    undivided = {key: value for key, value in ARGS.items() if key != "official"}
    assert refused(undivided) == "cases.csv must be divided, got no split; name its column in "
    write([[*case[:6], "val" if case[6] == "test" else case[6]] for case in cases])
    assert refused(ARGS) == "cases.csv must have a case of test in part, got none"
    cases[20][2] = cases[0][2]
    write(cases)
    assert refused(ARGS).startswith("cases.csv must have each subject in one split, got ")


def refused(args: dict[str, Any]) -> str:
    told = audit(Dataset(load="arrays", args=args), None, lambda _: None)
    [fault] = [each for each in told.findings if each.code == "refused"]
    assert fault.severity == "fault"
    return fault.message.removeprefix("no Run reads this table: ").partition("args.official")[0]


def test_data_that_a_suite_divides_is_audited_as_divided() -> None:
    write(rows())
    args = {key: value for key, value in ARGS.items() if key != "official"}
    dataset = Dataset(load="arrays", args=args, split=Split(folds=3))
    told = audit(dataset, None, lambda _: None)
    assert told.data is not None
    assert told.data.splits == ("fold 0", "fold 1", "fold 2")
    assert not [each for each in told.findings if each.severity == "leak"]
    shares = audit(Dataset(load="arrays", args=args, split=Split(test=0.2, val=0.2)), None, print)
    assert shares.data is not None
    assert set(shares.data.split.tolist()) == {"train", "val", "test"}
    by_image = Split(test=0.3, val=0.3, by="image")
    leaky = audit(Dataset(load="arrays", args=args, split=by_image), None, print)
    assert "leak-subject" in {each.code for each in leaky.findings}


def test_the_dirty_values_of_chest_xray_14_are_named() -> None:
    if not (DATA / NIH).is_file():
        pytest.skip(f"HARNESS_DATA has no {NIH}")
    args = {**ARGS, "file": str(NIH), "label": "Finding Labels", "subject": "Patient ID"}
    args["groups"] = ["Patient Age", "Patient Gender", "View Position"]
    args.pop("official")
    told = audit(
        Dataset(load="arrays", args=args, split=Split(test=0.2, val=0.1)), DATA, lambda _: None
    )
    found = {each.code: each.message for each in told.findings}
    assert "1 value of 'Patient Age' is no age that anybody has: '411Y'" in found["impossible-age"]
    assert "5,606 ages of 5,606" in found["age-unit"]
    for part in ("5,604 in years", "1 in months, as '013M'", "1 in days, as '001D'"):
        assert part in found["age-unit"]
    assert not {"unknown-sex", "changing-sex", "no-age", "leak-subject"} & found.keys()


@pytest.mark.parametrize(("flag", "title"), [("breastmnist", "Breast"), ("retinamnist", "Retina")])
def test_the_pairs_of_the_measurements_are_those_that_are_found(flag: str, title: str) -> None:
    if not (DATA / f"medmnist/{flag}.npz").is_file():
        pytest.skip(f"HARNESS_DATA has no {flag}")
    page = (Path(__file__).parent.parent / "docs/measurements.md").read_text(encoding="utf-8")
    part = (
        page.partition(f"\n{title}MNIST: ")[2].partition("\nRetinaMNIST: ")[0].partition("\n## ")[0]
    )
    listed = set(re.findall(r"((?:train|val|test)-\d+)\s=\s((?:train|val|test)-\d+)", part))
    told = audit(Dataset(load="medmnist", args={"flag": flag}), DATA, lambda _: None)
    found = {pair[:2] for each in told.findings if "duplicate" in each.code for pair in each.pairs}
    assert int(part.partition(" pairs")[0]) == len(listed)
    # Another BLAS rounds otherwise.
    assert len(listed ^ found) <= 3


# --- the verb ---------------------------------------------------------------------------------


def suite(**changes: Any) -> None:
    """Two datasets of a suite: one's own, of which some is planted, and one that is not there."""
    Path("suites").mkdir(exist_ok=True)
    other = '[datasets.absent]\nload = "medmnist"\nargs = { flag = "bloodmnist" }\n'
    own.suite(Path("suites"), own.dataset("scans", **changes) + other, own.bright(Path()))


def planted() -> None:
    """A person in two parts, and one image in both."""
    cases = own.cases()
    n = len(cases["label"])
    part = np.where(np.arange(n) < n // 2, "train", np.where(np.arange(n) % 2, "val", "test"))
    cases["subject"] = np.char.add("q", np.arange(n).astype(str))
    cases["image"][n - 1] = cases["image"][0]
    cases["label"][n - 1] = cases["label"][0]
    own.save(Path("scans.npz"), part=part, **cases)


def test_audit_writes_what_check_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    planted()
    suite(args=', official = "part"')
    code, out, err = harness("audit", "own", "--json")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("own/scans: train ")
    assert any(text.startswith("leak ") and " leak-duplicate " in text for text in lines)
    assert "bloodmnist.npz is not there" in out
    told = json.loads(lines[-1])
    assert [each["file"] for each in told["audits"]] == ["runs/own/scans/audit.json", None]
    kept = json.loads(Path("runs/own/scans/audit.json").read_text(encoding="utf-8"))
    assert kept["faults"] == told["audits"][0]["faults"]
    assert sum(kept["cases"].values()) == len(np.load("scans.npz")["label"])
    assert {"code", "severity", "message", "cases", "pairs"} == kept["faults"][0].keys()
    assert [each["severity"] for each in kept["faults"]] == sorted(
        (each["severity"] for each in kept["faults"]),
        key=["leak", "fault", "warning", "note"].index,
    )
    before = Path("runs/own/scans/audit.json").read_bytes()
    Path("scans.npz").unlink()
    code, out, _ = harness("audit", "own")
    assert code == 2
    assert out.splitlines()[0] == "own/scans: nothing was read"
    assert Path("runs/own/scans/audit.json").read_bytes() == before


def test_a_leak_fails_a_strict_check_and_nothing_else_does(tmp_path: Path) -> None:
    planted()
    Path("suites").mkdir()
    data = own.dataset("scans", args=', official = "part"')
    own.suite(Path("suites"), data, own.bright(Path()))
    with line.no_warm_up():
        code, _, err = harness("run", "own")
        assert code == 0, err
    assert harness("accept", "own", "--allow-dirty")[0] == 0
    assert strict() == []
    assert harness("audit", "own")[0] == 0
    failing = strict()
    assert "leak-duplicate" in failing
    assert all(code.startswith("leak") for code in failing)
    assert harness("check", "own", "--strict")[0] == 1
    assert harness("check", "own")[0] == 0


def strict() -> list[str]:
    """The codes of an audit's findings that fail a strict check."""
    told = json.loads(harness("check", "own", "--strict", "--json")[1].splitlines()[-1])
    return [each["code"] for each in told["warnings"] if each["fails"] and each["what"] == "audit"]


def test_progress_is_said_and_may_be_left_out() -> None:
    planted()
    Path("suites").mkdir()
    own.suite(Path("suites"), own.dataset("scans"), own.bright(Path()))
    assert harness("audit", "own")[2] != ""
    assert harness("audit", "own", "--quiet")[2] == ""


def test_a_volume_that_cannot_be_read_is_a_fault_and_the_others_are_audited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from harness.datasets import phantom_lesions

    read = phantom_lesions._read

    def broken(recipe: Any, known: Any, name: str) -> Any:
        if name == "s3":
            raise HarnessError("s3.nii.gz must be whole, got half of it")
        return read(recipe, known, name)

    monkeypatch.setattr(phantom_lesions, "_read", broken)
    told = audit(Dataset(load="phantom_lesions", args={"subjects": 20}), None, lambda _: None)
    [fault] = [each for each in told.findings if each.code == "unreadable"]
    assert (fault.severity, fault.cases) == ("fault", ("s3",))
    assert told.data is not None
    assert len(told.data) == 19


def test_a_volume_of_one_slice_among_others_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.datasets import phantom_lesions

    read = phantom_lesions._read

    def thin(recipe: Any, known: Any, name: str) -> Any:
        case = read(recipe, known, name)
        if name != "s3":
            return case
        return dataclasses.replace(case, image=case.image[..., :1], mask=case.mask[..., :1])

    monkeypatch.setattr(phantom_lesions, "_read", thin)
    told = audit(Dataset(load="phantom_lesions", args={"subjects": 20}), None, lambda _: None)
    assert told.data is not None
    assert told.data.images is not None
    assert told.data.images.small.shape == (20, 28, 28, 28)
