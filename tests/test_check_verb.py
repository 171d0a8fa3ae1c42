"""What check says: exit codes, text, JSON, JUnit and Markdown, whatever happens on the way."""

import dataclasses
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints
from xml.etree import ElementTree as xml

import checking
import line
import numpy as np
import pytest
from checking import change, checked, folder, harness, ignorant, rewrite
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness import gate, speed
from harness.datasets import phantom
from harness.predictions import Predictions
from harness.record import Verdict
from harness.suite import Policy
from harness.trial import LEVEL, Trial
from harness.verbs._checked import ORDER, Checked, Doubt, Fault
from harness.verbs._checked import checked as summed
from harness.verbs._junit import junit
from harness.verbs._markdown import FOLDED, LONGEST, ROWS, markdown
from harness.verbs._terminal import text

STATUSES = get_args(get_type_hints(Verdict)["status"])
ANSI = re.compile(r"\x1b\[\d+m")


def verdict(
    status: str = "ok", gate: str = "roc_auc", subject: str = "a/b/c/cpu", **more: Any
) -> Verdict:
    return Verdict(
        gate=gate, subject=subject, status=status, reason=more.pop("reason", "why"), **more
    )  # type: ignore[arg-type]


def summary(*verdicts: Verdict, policy: Policy | None = None, **more: Any) -> Checked:
    doubts, faults = more.pop("doubts", ()), more.pop("faults", ())
    return summed("line", "what", policy or Policy(), verdicts, doubts, faults, **more)


names = st.text(max_size=30).map(lambda name: name.replace("\x00", ""))  # Markdown replaces it
found = st.builds(
    Verdict,
    gate=names,
    subject=names,
    status=st.sampled_from(STATUSES),
    reason=names,
    baseline=st.none() | st.floats(0, 1),
    effect=st.none() | st.floats(-1, 1),
    p=st.none() | st.floats(0, 1),
    changed=st.lists(names, max_size=2).map(tuple),
)
doubt = st.builds(Doubt, subject=names, what=names, code=names, message=names, fails=st.booleans())
fault = st.builds(Fault, subject=names, what=names, message=names)
anything = st.builds(
    lambda verdicts, doubts, faults, policy: summary(
        *verdicts, doubts=doubts, faults=faults, policy=Policy(inconclusive=policy)
    ),
    st.lists(found, max_size=8),
    st.lists(doubt, max_size=3),
    st.lists(fault, max_size=2),
    st.sampled_from(["pass", "fail"]),
)


class TestOutcome:
    """Which exit code, and what comes first."""

    @settings(deadline=None)
    @given(anything)
    def test_the_worst_decides(self, outcome: Checked) -> None:
        statuses = {each.status for each in outcome.verdicts}
        codes = {gate.SEVERITY[each] for each in statuses & gate.SEVERITY.keys()}
        codes -= set() if outcome.inconclusive_fails else {3}
        codes |= {1} if any(each.fails for each in outcome.doubts) else set()
        codes |= {2} if outcome.faults or not statuses - {"not-run"} else set()
        assert outcome.code == next((code for code in (2, 1, 4, 3) if code in codes), 0)
        assert bool(outcome.faults) == (outcome.code == 2)

    @settings(deadline=None)
    @given(anything)
    def test_the_worst_is_first(self, outcome: Checked) -> None:
        order = [ORDER.index(each.status) for each in outcome.verdicts]
        assert order == sorted(order)
        assert list(outcome.counts) == sorted(outcome.counts, key=ORDER.index)
        assert sum(outcome.counts.values()) == len(outcome.verdicts)
        assert set(ORDER) == set(STATUSES)

    def test_the_surest_regression_is_first_of_them(self) -> None:
        several = [verdict("regressed", gate=f"g{p}", p=p) for p in (0.5, 1e-9, 0.01)]
        assert [each.p for each in summary(*several).verdicts] == [1e-9, 0.01, 0.5]

    def test_a_sum_of_it(self) -> None:
        several = [*(verdict("regressed") for _ in range(3)), verdict("inconclusive"), verdict()]
        doubts = [Doubt(subject="s", what="s0", code="c", message="m", fails=True)]
        outcome = summary(*several, tests=4, doubts=doubts, strict=True)
        assert outcome.summary == (
            "3 regressed, 1 inconclusive, 1 ok of 5 gates; family-wise level 1 % over 4 tests; "
            "1 warning, 1 of which fail (--strict)"
        )
        assert summary(verdict()).summary == "1 ok of 1 gate"

    @pytest.mark.parametrize(
        ("statuses", "word"),
        [
            (["regressed", "missing"], "missing"),
            (["regressed", "ok"], "regressed"),
            (["not-comparable"], "not comparable"),
            (["inconclusive"], "inconclusive"),
            (["ok", "new", "not-run"], "passed"),
            (["not-run"], "error"),
        ],
    )
    def test_a_word_for_it(self, statuses: Sequence[str], word: str) -> None:
        policy = Policy(inconclusive="fail")
        assert summary(*map(verdict, statuses), policy=policy).word == word


class TestTerminal:
    """A line a verdict."""

    def test_a_line_a_verdict_and_a_sum(self) -> None:
        numbers = {"baseline": 0.9, "current": 0.8, "effect": -0.1, "ci": (-0.15, -0.05)}
        numbers |= {"p": 0.00004, "margin": 0.05, "minimum_detectable_effect": 0.0612}
        loss = verdict("regressed", n=150, over="subject", reason="worse by 0.1", **numbers)
        slow = verdict("ok", "latency_p50", kind="ratio", unit="ms", baseline=1.0, current=1.02)
        slow = dataclasses.replace(slow, effect=1.02, ci=(0.99, 1.05), ratio=1.1, n=9)
        head, first, second, _, why, _, end = text(summary(slow, loss), colour=False).splitlines()
        assert head.split("  ")[0] == "status"
        assert re.split(r"  +", first) == [
            *(
                "regressed",
                "a/b/c/cpu",
                "roc_auc",
                "0.9000 -> 0.8000",
                "-0.1000 [-0.1500, -0.0500]",
            ),
            *("<0.0001", "0.0500", "0.0612", "150 subjects"),
        ]
        assert re.split(r"  +", second) == [
            *("ok", "a/b/c/cpu", "latency_p50", "1 ms -> 1.02 ms", "x1.020 [0.990, 1.050]"),
            *("-", "x1.1", "-", "9"),
        ]
        assert why == "regressed  a/b/c/cpu roc_auc: worse by 0.1"
        assert end == "regressed: 1 regressed, 1 ok of 2 gates; against what"

    def test_what_several_share_is_said_once(self) -> None:
        several = [verdict("new", subject=f"m{i}", reason="nothing accepted yet") for i in range(9)]
        lines = text(summary(*several), colour=False).splitlines()
        assert lines[-3] == "new  m0 roc_auc and 8 more: nothing accepted yet"
        assert "->" not in lines[0]  # no verdict has a number, so no column is of any

    def test_a_condition_that_all_gates_share_is_not_repeated(self) -> None:
        threads = [f"latency_p50[backend=onnxruntime,batch=1,threads={n}]" for n in (1, 2)]
        names = [*threads, "throughput[batch=1]", "roc_auc[group.sex=F]", "f1[published=A, b]"]
        outcome = summary(*(verdict(gate=name) for name in names))
        lines = text(outcome, colour=False).splitlines()[1:6]
        assert [each.partition("/cpu  ")[2].strip() for each in lines] == [
            *("latency_p50[threads=1]", "latency_p50[threads=2]", "throughput"),
            *("roc_auc[group.sex=F]", "f1[published=A, b]"),
        ]
        assert all(f'name="{name}"' in junit(outcome) for name in names)

    def test_nothing_judged_is_no_text(self) -> None:
        assert text(summary(verdict("not-run")), colour=False) == ""

    @settings(deadline=None)
    @given(anything)
    def test_colours_change_no_word(self, outcome: Checked) -> None:
        plain, coloured = (text(outcome, colour=colour) for colour in (False, True))
        assert ANSI.sub("", coloured) == plain or "\x1b" in plain

    def test_colours(self) -> None:
        assert "\x1b[31mregressed\x1b[0m  a/b/c/cpu" in text(
            summary(verdict("regressed")), colour=True
        )


XSD = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time"},
        {"testcase", "system-out"},
    ),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped", "system-out"}),
    **{tag: ({"type", "message"}, set()) for tag in ("failure", "error", "skipped")},
    "system-out": (set(), set()),
}
"""Of Jenkins' schema, what is used: tag -> attributes, and what may stand inside."""


class TestJUnit:
    """What GitHub, GitLab and Jenkins read."""

    @settings(deadline=None)
    @given(anything)
    def test_any_names_are_well_formed_and_counts_are_right(self, outcome: Checked) -> None:
        root = xml.fromstring(junit(outcome).encode())
        for element in root.iter():
            attributes, inside = XSD[element.tag]
            assert element.keys() == [] or set(element.keys()) == attributes
            assert {child.tag for child in element} <= inside
        for suite in root:
            tags = Counter(child.tag for case in suite for child in case)
            counts = (suite.get("failures"), suite.get("errors"), suite.get("skipped"))
            assert counts == tuple(str(tags[tag]) for tag in ("failure", "error", "skipped"))
            assert suite.get("tests") == str(len(suite.findall("testcase")))
        for key in ("tests", "failures", "errors"):
            assert root.get(key) == str(sum(int(suite.get(key, "")) for suite in root))
        failing = sum(int(root.get(key, "")) for key in ("failures", "errors"))
        assert bool(failing) == (outcome.code != 0)

    @pytest.mark.parametrize(
        ("status", "policy", "tag"),
        [
            *((status, "pass", "failure") for status in ("regressed", "missing", "not-comparable")),
            *((status, "pass", "skipped") for status in ("inconclusive", "new", "not-run")),
            ("inconclusive", "fail", "failure"),
            *((status, "pass", "system-out") for status in ("ok", "improved")),
        ],
    )
    def test_what_a_status_is(self, status: str, policy: Any, tag: str) -> None:
        outcome = summary(verdict(status), verdict(), policy=Policy(inconclusive=policy))
        cases = xml.fromstring(junit(outcome)).iter("testcase")
        [child] = next(case for case in cases if f"{status}: why" in (case[0].text or ""))
        assert child.tag == tag

    def test_what_cannot_be_written_in_xml_is_marked(self) -> None:
        named = verdict("regressed", gate='a<b & "c"\x00\x1b\ud800\uffff', reason="]]> é\n日本")
        [case] = xml.fromstring(junit(summary(named)).encode()).iter("testcase")
        assert case.get("name") == 'a<b & "c"' + 4 * "\ufffd"
        assert case[0].get("message") == "regressed: ]]> é\n日本"

    def test_a_warning_fails_where_it_fails_the_check(self) -> None:
        about = {"subject": "a/b/c/cpu", "what": "s0", "message": "m"}
        doubts = [Doubt(code="bad", fails=True, **about), Doubt(code="mild", **about)]
        [suite] = xml.fromstring(junit(summary(verdict(), doubts=doubts)))
        assert [case.get("name") for case in suite.iter("testcase")] == ["roc_auc", "s0 bad"]
        assert suite.findtext("system-out") == "warning s0 mild: m"


def tables(page: str) -> list[list[list[str]]]:
    """The cells of every table, as a reader sees them."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(page)
    found: list[list[list[str]]] = []
    for token, inside in itertools.pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append("".join(each.content for each in inside.children or ()))
    return found


class TestMarkdown:
    """One screen for a pull request."""

    @settings(deadline=None)
    @given(anything)
    def test_any_names_stay_in_their_cells(self, outcome: Checked) -> None:
        page = markdown(outcome)
        loud = [v for v in outcome.verdicts if v.status in gate.SEVERITY]
        shown = tables(page)
        assert len(shown) == bool(loud) + (len(loud) < len(outcome.verdicts))
        for table in shown:
            assert len({len(row) for row in table}) == 1
        rows = [row for table in shown for row in table[1:]]
        names = [
            [v.status, *(" ".join(each.split()) for each in (v.subject, v.gate))]
            for v in outcome.verdicts
        ]
        assert sorted(row[:3] for row in rows) == sorted(names)

    def test_markup_in_a_name_is_shown_as_it_is(self) -> None:
        name = "a|b\nc <img> `d` **e** [f](g) \\ & _h_ ~~i~~ # j"
        [[_, row]] = tables(markdown(summary(verdict("regressed", gate=name, reason="x" * 999))))
        assert row[2] == name.replace("\n", " ")
        assert len(row[-1]) == LONGEST

    def test_it_is_one_screen_and_the_worst_is_first(self) -> None:
        many = [verdict("regressed", subject=f"m{i}") for i in range(30)]
        many += [verdict("ok", subject=f"n{i}", changed=("torch: 1, now 2",)) for i in range(150)]
        page = markdown(summary(*many, faults=[Fault(subject="z", what="s0", message="broken")]))
        lines = page.splitlines()
        assert lines[0] == "### harness check line: error"
        assert lines[2].startswith("30 regressed, 150 ok of 180 gates; 1 could not be judged")
        assert "* z s0: broken" in lines
        loud, folded = tables(page)
        assert (len(loud), len(folded)) == (ROWS + 1, FOLDED + 1)
        assert {row[0] for row in loud[1:]} == {"regressed"}
        start = lines.index("<details><summary>150 ok</summary>")
        assert lines[start - 2] == "* torch: 1, now 2"
        assert start < 40
        assert lines[-1] == "</details>"
        assert "… and 10 more" in lines[:start]
        assert "… and 50 more" in lines[start:]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's repository with a suite of two finished files, both measured."""
    place = tmp_path_factory.mktemp("user")
    checking.write(place, {"bright": 20.0, "dull": 5.0})
    with pytest.MonkeyPatch.context() as patch, line.no_warm_up():
        patch.chdir(place)
        line.measure("line", Path("runs"))
    return place


@pytest.fixture
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, and we are there; its records have no warnings."""
    place = Path(shutil.copytree(original, tmp_path / "home"))
    monkeypatch.chdir(place)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    for name in ("bright", "dull"):
        change(folder(name), warnings=[])
    return place


def statuses(answer: Mapping[str, Any]) -> dict[str, str]:
    return {each["subject"].split("/")[2]: each["status"] for each in answer["verdicts"]}


def accept() -> None:
    assert harness("accept", "line", "--allow-dirty")[0] == 0


@pytest.mark.usefixtures("home")
class TestAgainst:
    """Accepted records, another revision's Runs, published results."""

    def test_another_folder_of_baselines(self) -> None:
        accept()
        Path("baselines").rename("elsewhere")
        assert statuses(checked()) == {"bright": "new", "dull": "new"}
        answer = checked("--against", "elsewhere")
        assert statuses(answer) == {"bright": "ok", "dull": "ok"}
        assert (answer["against"], answer["tests"]) == ("elsewhere", 2)

    def test_runs_of_a_base_are_judged_as_if_they_had_been_accepted(self) -> None:
        shutil.copytree("runs", "base")
        accept()
        rewrite(folder("bright"), ignorant)
        base, accepted = checked("--against", "base"), checked()
        assert (base["exit"], statuses(base)) == (1, {"bright": "regressed", "dull": "ok"})
        assert base["verdicts"] == accepted["verdicts"]

    def test_a_base_with_another_fit_is_found(self) -> None:
        shutil.copytree("runs", "base")
        place = folder("bright", "base")
        place.rename(place.with_name("s0-0123abcd"))
        assert statuses(checked("--against", "base"))["bright"] == "ok"

    def test_a_model_that_base_does_not_have_is_new(self) -> None:
        shutil.copytree("runs", "base")
        shutil.rmtree("base/line/phantom/dull")
        assert statuses(checked("--against", "base")) == {"bright": "ok", "dull": "new"}

    def test_a_model_that_only_base_has_is_missing(self) -> None:
        shutil.copytree("runs", "base")
        shutil.rmtree("runs/line/phantom/dull")
        answer = checked("--against", "base")
        assert (answer["exit"], statuses(answer)) == (1, {"bright": "ok", "dull": "missing"})

    def test_a_base_that_failed_is_no_baseline(self) -> None:
        shutil.copytree("runs", "base")
        change(folder("dull", "base"), status="failed", error="out of memory")
        answer = checked("--against", "base")
        assert (answer["exit"], statuses(answer)) == (2, {"bright": "ok"})
        [error] = answer["errors"]
        assert error["message"].endswith("must be ok to be held against, got failed: out of memory")

    def test_two_folders_of_one_seed_are_refused(self) -> None:
        shutil.copytree("runs", "base")
        shutil.copytree(folder("dull", "base"), folder("dull", "base").with_name("s0-0123abcd"))
        answer = checked("--against", "base")
        assert (answer["exit"], statuses(answer)) == (2, {"bright": "ok"})
        assert "must hold one Run of s0, got s0-" in answer["errors"][0]["message"]

    def test_other_cases_are_not_comparable(self) -> None:
        shutil.copytree("runs", "base")
        backwards = lambda table: table.where(np.arange(len(table))[::-1])  # noqa: E731
        rewrite(folder("dull", "base"), backwards)
        answer = checked("--against", "base")
        assert (answer["exit"], statuses(answer)["dull"]) == (4, "not-comparable")
        assert answer["verdicts"][0]["reason"].startswith("the cases differ: ")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (
                "--against nowhere",
                "--against must be baselines, published or a folder with records",
            ),
            ("--against suites", "with records of line, got suites; harness run suites/line.toml"),
            ("--against runs", "--against must be another folder than --runs, got runs for both"),
            ("--base nowhere", "--base must be a folder with Runs of line, got nowhere"),
            ("--base runs", "--base must be another folder than --runs, got runs for both"),
            ("--against published", "--against published must find a result of a selected model"),
            ("--junit suites", "--junit must be a file, got the folder suites"),
            ("--markdown suites", "--markdown must be a file, got the folder suites"),
            ("--junit x --markdown x", "--junit and --markdown must be two files, got x for both"),
            ("--junit bright.onnx/x", "bright.onnx/x must be writable, got: "),
        ],
    )
    def test_one_sentence(self, words: str, sentence: str) -> None:
        code, out, err = harness("check", "suites/line.toml", *words.split())
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert sentence in err


PUBLISHED = """title = "A study"
url = "https://example.org"
citation = "Nobody, 2001"
about = "Invented."
digits = 3
suites = ["line"]
datasets.phantom = {{ data = "{data}", n = {n} }}
results = [
  {{ dataset = "phantom", name = "N1", model = "bright", scores = {{ {scores} }} }},
  {{ dataset = "phantom", name = "N2", scores = {{ roc_auc = 0.999 }} }},
]
"""


@pytest.mark.usefixtures("home")
class TestPublished:
    """Where a published number is of our interval, in the better direction."""

    @pytest.mark.parametrize(
        ("published", "status", "code"),
        [("above", "regressed", 1), ("within", "ok", 0), ("below", "improved", 0)],
    )
    def test_an_interval_decides(self, published: str, status: str, code: int) -> None:
        row = self.row("sensitivity")
        low, high = row["ci"]
        value = {"above": (high + 1) / 2, "within": row["value"], "below": low / 2}[published]
        self.publish(f"sensitivity = {value:.3f}", row["n"])
        answer = checked("--against", "published")
        [found] = answer["verdicts"]
        assert (answer["exit"], found["status"]) == (code, status)
        assert found["gate"] == "sensitivity[published=N1]"
        assert found["subject"] == "line/phantom/bright/cpu"
        assert found["effect"] == pytest.approx(row["value"] - round(value, 3))
        assert found["ci"] == pytest.approx([low - round(value, 3), high - round(value, 3)])
        assert found["reason"] == f"A study: the published number is {published} our interval"

    def test_what_is_published_of_other_cases_is_not_comparable(self) -> None:
        for name in ("bright", "dull"):
            rewrite(folder(name), lambda table: dataclasses.replace(table, subject=None))
            rows = json.loads((folder(name) / "record.json").read_text())["measurements"]
            rows = [{**row, "over": "image"} if "n" in row else row for row in rows]
            change(folder(name), measurements=rows)
        self.publish("sensitivity = 0.9", 7)
        answer = checked("--against", "published")
        assert (answer["exit"], answer["verdicts"][0]["status"]) == (4, "not-comparable")

    def row(self, metric: str) -> dict[str, Any]:
        record = json.loads((folder("bright") / "record.json").read_text(encoding="utf-8"))
        [row] = [r for r in record["measurements"] if r["metric"] == metric and not r["where"]]
        return dict(row)

    def publish(self, scores: str, n: int) -> None:
        data = phantom.fingerprint(None, dim=3, size=12, subjects=300, difficulty=0.2, seed=0)
        Path("baselines/published").mkdir(parents=True)
        page = PUBLISHED.format(data=data, n=n, scores=scores)
        Path("baselines/published/study.toml").write_text(page, encoding="utf-8")


@pytest.mark.usefixtures("home")
class TestStrict:
    """Warnings are listed, and fail where they are asked to."""

    def test_a_warning_fails_only_if_asked(self) -> None:
        accept()
        change(folder("dull"), warnings=[{"code": "constant-predictor", "message": "train longer"}])
        mild, strict = checked(), checked("--strict")
        assert (mild["exit"], strict["exit"]) == (0, 1)
        assert (mild["outcome"], strict["outcome"]) == ("passed", "warnings")
        expected = {"subject": "line/phantom/dull/cpu", "what": "s0", "code": "constant-predictor"}
        assert mild["warnings"] == [{**expected, "message": "train longer", "fails": False}]
        assert strict["warnings"] == [{**expected, "message": "train longer", "fails": True}]
        _, out, _ = harness("check", "line", "--strict")
        line = "warning  line/phantom/dull/cpu s0 constant-predictor (fails): train longer"
        assert line in out.splitlines()

    @pytest.mark.parametrize("code", ["noisy-latency", "unsteady-latency", "backend-skipped"])
    def test_a_warning_of_stored_timings_never_fails(
        self, code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accept()
        change(folder("dull"), warnings=[{"code": code, "message": "close other programs"}])
        assert checked("--strict")["exit"] == 0
        timed = verdict("ok", "latency_p50", "line/phantom/dull/cpu", kind="ratio", effect=1.0)
        monkeypatch.setattr(speed, "trials", lambda _, subject, *__, **___: [timed])
        shutil.copytree("runs", "base")
        assert checked("--strict", "--base", "base")["exit"] == 0

    @pytest.mark.parametrize("changed", [("fingerprint",), ("declared",)])
    def test_a_leak_in_an_audit_fails_and_one_of_other_data(self, changed: Sequence[str]) -> None:
        accept()
        faults = [
            {"code": "leak-duplicate", "message": "3 images are in train and test"},
            {"code": "duplicate", "message": "2 images of train are the same"},
        ]
        path = Path("runs/line/phantom/audit.json")
        assert harness("audit", "line")[0] == 0
        audit = {**json.loads(path.read_text(encoding="utf-8")), "faults": faults}
        path.write_text(json.dumps(audit), encoding="utf-8")
        assert checked()["exit"] == 0
        strict = checked("--strict")
        assert strict["exit"] == 1
        assert [each["fails"] for each in strict["warnings"]] == [True, False]
        path.write_text(json.dumps({**audit, "faults": []}), encoding="utf-8")
        assert (checked("--strict")["exit"], checked("--strict")["warnings"]) == (0, [])
        stale = {"faults": [], **{key: "another" for key in changed}}
        path.write_text(json.dumps({**audit, **stale}), encoding="utf-8")
        strict = checked("--strict")
        assert (strict["exit"], [each["code"] for each in strict["warnings"]]) == (
            1,
            ["stale-audit"],
        )
        assert checked()["exit"] == 0
        path.write_text('{"faults": 3}', encoding="utf-8")
        code, out, err = harness("check", "line")
        assert (code, out) == (2, "")
        assert "audit.json must be an audit with faults, got TypeError: " in err


@pytest.mark.usefixtures("home")
class TestFaults:
    """Exit code 2, and everything else is still said."""

    @pytest.mark.parametrize("fault", ["failed", "broken", "no predictions", "unmeasured"])
    def test_what_cannot_be_judged_hides_nothing(self, fault: str) -> None:
        accept()
        place = folder("bright")
        if fault == "failed":
            change(place, status="failed", error="out of memory")
        elif fault == "broken":
            (place / "record.json").write_text("{", encoding="utf-8")
        elif fault == "no predictions":
            (place / "predictions.parquet").unlink()
        else:
            shutil.rmtree("runs/line/phantom/bright")
            shutil.rmtree("baselines/line/phantom/bright@cpu")
        answer = checked("--junit", "junit.xml", "--markdown", "check.md")
        assert (answer["exit"], statuses(answer)) == (2, {"dull": "ok"})
        [error] = answer["errors"]
        assert error["subject"] == "line/phantom/bright/cpu"
        assert answer["err"] == f"harness: {error['message']}\n"
        root = xml.parse("junit.xml").getroot()
        assert [root.get(key) for key in ("tests", "failures", "errors")] == ["2", "0", "1"]
        assert "Could not be judged" in Path("check.md").read_text(encoding="utf-8")
        assert error["message"] in harness("check", "line")[1]

    @pytest.mark.parametrize(
        "words", ["check nosuch", "check line --model x", "check line --base x"]
    )
    def test_the_files_say_it_too(self, words: str) -> None:
        code, out, err = harness(*words.split(), "--junit", "a/j.xml", "--markdown", "a/m.md")
        assert (code, out) == (2, "")
        [case] = xml.parse("a/j.xml").getroot().iter("testcase")
        assert (case.get("name"), case[0].tag) == ("check", "error")
        assert err == f"harness: {case[0].get('message')}\n"
        assert Path("a/m.md").read_text(encoding="utf-8").startswith("### harness check ")
        assert sorted(path.name for path in Path("a").iterdir()) == ["j.xml", "m.md"]

    def test_an_unforeseen_error_is_in_the_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("by zero")

        monkeypatch.setattr("harness.verbs.check.settled", fail)
        code, _, _ = harness("check", "line", "--junit", "j.xml")
        [case] = xml.parse("j.xml").getroot().iter("testcase")
        assert (code, case[0].get("message")) == (2, "ZeroDivisionError: by zero")


@pytest.mark.usefixtures("home")
class TestBase:
    """Latency gates are judged with --base, and share the level with all others."""

    def test_its_trials_take_the_place_of_what_was_not_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        suite = Path(checking.SUITE)
        suite.write_text(suite.read_text(encoding="utf-8") + checking.LATENCY, encoding="utf-8")
        accept()
        shutil.copytree("runs", "base")
        rewrite(folder("bright"), ignorant)
        assert Counter(each["status"] for each in checked()["verdicts"]) == {
            "regressed": 1,
            "ok": 1,
            "not-run": 2,
        }
        calls: list[tuple[Any, ...]] = []

        def trials(_: Any, subject: str, base: Any, head: Any, say: Any) -> list[Trial]:
            calls.append((subject, base, head))
            return [Trial(gate="latency_p50", subject=subject, p=0.002, verdict=decided(subject))]

        def decided(subject: str) -> Any:
            def verdict_of(p: float, tests: int) -> Verdict:
                status = "regressed" if p < LEVEL else "ok"
                return verdict(status, "latency_p50", subject, p=p, reason=f"of {tests}")

            return verdict_of

        monkeypatch.setattr(speed, "trials", trials)
        answer = checked("--base", "base")
        by_gate = {(each["subject"], each["gate"]): each for each in answer["verdicts"]}
        timed = [each for (_, gate), each in by_gate.items() if gate == "latency_p50"]
        # Holm over four: the ignorant model's p is the least, these two follow with 3 p each.
        assert [each["p"] for each in timed] == pytest.approx([0.006, 0.006])
        assert {each["reason"] for each in timed} == {"of 4"}
        assert (answer["tests"], answer["counts"]) == (4, {"regressed": 3, "ok": 1})
        assert [call[0] for call in calls] == [f"line/phantom/{m}/cpu" for m in ("bright", "dull")]
        assert calls[0][1:] == ({0: folder("bright", "base")}, {0: folder("bright")})


@pytest.mark.usefixtures("home")
def test_json_has_every_field_of_every_verdict() -> None:
    accept()
    answer = checked()
    fields = {field.name for field in dataclasses.fields(Verdict)}
    assert all(each.keys() == fields for each in answer["verdicts"])
    assert (answer["level"], answer["counts"], answer["code"]) == (LEVEL, {"ok": 2}, 0)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("against", ["baselines", "base"])
def test_torch_is_not_imported(against: str) -> None:
    accept()
    shutil.copytree("runs", "base")
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        f"sys.argv = ['harness', 'check', 'line', '--against', {against!r}, '--junit', 'j.xml']\n"
        "from harness.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_predictions_are_only_read(original: Path) -> None:
    [path] = original.glob("runs/line/phantom/bright/cpu/*/predictions.parquet")
    assert len(Predictions.from_parquet(path.read_bytes(), "it").select("test")) > 50
