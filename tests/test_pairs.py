"""Pairs of models: each as `difference` has it, at the cost of the models, and kept beside them."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import baselines, disk, ledger, pairs
from harness.baselines import Entry
from harness.cases import SHIPPED
from harness.compare import difference
from harness.contest import Contest, ranked
from harness.differences import Difference
from harness.disk import file_digest
from harness.errors import HarnessError
from harness.pairs import Checkpoints, contest, of_runs
from harness.plan import Run
from harness.predictions import Predictions
from harness.record import Record, as_json
from harness.score import score
from harness.standings import standings
from harness.suite import Interval, MetricSpec, Policy, Suite
from harness.verbs import _gathered
from harness.verbs._scope import ALL, Scope
from harness.verbs.accept import accept

AUC = MetricSpec(name="roc_auc")
PLACE = ("tiny", "blobs", "cpu")


def cases(model: int, shift: float = 1.0, n: int = 150, seed: int = 0, **about: Any) -> Predictions:
    """Test cases that all models share, but for what is predicted: scores correlated by a half."""
    world, own = np.random.default_rng(seed), np.random.default_rng((seed, model, 1))
    truth = world.permutation(np.arange(n) % 3 == 0)
    noise = world.normal(size=n) + own.normal(size=n)
    shown = 1 / (1 + np.exp(-(shift * truth + noise)))
    made = Predictions(
        classes=("benign", "malignant"),
        id=np.arange(n).astype(str),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=truth.astype(np.int64),
        probability=np.stack([1 - shown, shown], axis=1),
        decision=(shown > 0.5).astype(np.int64),
    )
    return dataclasses.replace(made, **about)


def three() -> Checkpoints:
    """Seeds 0 and 1 of the first, 1 and 2 of the second, 2 of the third."""
    return {
        "a": {0: cases(0), 1: cases(1)},
        "b": {1: cases(2, 2.0), 2: cases(3, 2.0)},
        "c": {2: cases(4)},
    }


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "brier", "balanced_accuracy"])
def test_a_pair_is_the_difference_over_the_seeds_that_both_have(metric: str) -> None:
    models, spec = three(), MetricSpec(name=metric)
    found = contest(spec, models, Interval(level=0.9))
    assert (found.metric, found.level) == (metric, 0.9)
    assert [(pair.a, pair.b, pair.seeds) for pair in found.pairs] == [
        ("a", "b", 1),
        ("a", "c", 0),
        ("b", "c", 1),
    ]
    assert found.pairs[1].reason == "they have no seed in common"
    assert found.pairs[1].p is found.pairs[1].effect is None
    for pair, seed in ((found.pairs[0], 1), (found.pairs[2], 2)):
        sides = [[models[name][seed]] for name in (pair.a, pair.b)]
        one = difference(spec, *sides, Interval(level=0.9))
        assert isinstance(one, Difference)
        for name in ("effect", "error", "ci", "p"):
            assert getattr(pair, name) == pytest.approx(getattr(one, name), rel=1e-5)


def test_several_seeds_of_both_are_their_means() -> None:
    models = {name: {seed: cases(9 * k + seed) for seed in range(3)} for k, name in enumerate("ab")}
    [pair] = contest(AUC, models, Interval()).pairs
    one = difference(AUC, *(list(own.values()) for own in models.values()), Interval())
    assert isinstance(one, Difference)
    assert (pair.seeds, pair.effect) == (3, pytest.approx(one.effect, rel=1e-5))
    assert (pair.error, pair.p) == (
        pytest.approx(one.error, rel=1e-5),
        pytest.approx(one.p, rel=1e-5),
    )


def test_what_is_heavy_is_done_once_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    real = pairs.estimate

    def counting(spec: Any, tables: Any, *rest: Any) -> Any:
        done.append(len(tables))
        return real(spec, tables, *rest)

    monkeypatch.setattr(pairs, "estimate", counting)
    models = {f"m{index}": {0: cases(index)} for index in range(12)}
    assert len(contest(AUC, models, Interval()).pairs) == 66
    assert done == [1] * 12


def test_one_model_twice_is_no_different() -> None:
    same = cases(0)
    [pair] = contest(AUC, {"a": {0: same}, "b": {0: same}}, Interval()).pairs
    assert (pair.effect, pair.error, pair.ci, pair.p) == (0.0, 0.0, (0.0, 0.0), 1.0)


def test_what_is_undefined_says_why() -> None:
    nobody = np.zeros(150, dtype=np.int64)
    models = {name: {0: cases(k, y_true=nobody)} for k, name in enumerate("ab")}
    found = contest(AUC, models, Interval())
    [pair] = found.pairs
    assert (pair.p, pair.effect, found.method) == (None, None, "")
    assert pair.reason == "roc_auc is undefined: it needs cases of every class"
    [few] = contest(
        AUC, {name: {0: cases(k, n=2)} for k, name in enumerate("ab")}, Interval()
    ).pairs
    assert few.p is None
    assert "fewer than 3 images" in str(few.reason)


def test_models_of_other_cases_are_refused() -> None:
    models = {"a": {0: cases(0)}, "b": {0: cases(1, seed=1)}}
    with pytest.raises(HarnessError, match="models must be predicted on the same cases to be rank"):
        contest(AUC, models, Interval())


def told(shifts: tuple[float, ...], seed: int) -> set[tuple[str, str]]:
    """Pairs (better, worse) of one data set."""
    models = {
        f"m{index}": {0: cases(index, shift, seed=seed)} for index, shift in enumerate(shifts)
    }
    ranks = ranked(contest(AUC, models, Interval()), [*models])
    assert ranks is not None
    return {
        (model, rival.model)
        for model, rank in ranks.items()
        for rival in rank.rivals
        if rival.word == "better"
    }


def test_equal_models_are_hardly_ever_told_apart_and_a_better_one_is_found() -> None:
    """At most 5 % of families of five, so at most 9 of 100 but for one chance in fifty."""
    equal = [told((1.0,) * 5, seed) for seed in range(100)]
    assert sum(bool(found) for found in equal) <= 9
    planted = [told((4.0, 1.0, 1.0, 1.0, 1.0), seed) for seed in range(20)]
    assert all({("m0", f"m{index}") for index in range(1, 5)} <= found for found in planted)


# Runs and accepted records


def run(model: str, seed: int = 0) -> Run:
    return Run(suite="tiny", dataset="blobs", model=model, device="cpu", seed=seed)


@dataclasses.dataclass
class Home:
    """A suite of three models, their run folders, and the baselines that they are accepted into."""

    home: Path

    @property
    def into(self) -> Path:
        return self.home / "baselines"

    @property
    def file(self) -> Path:
        return self.into / "tiny" / "blobs" / "pairs@cpu.json"

    def scope(self, *runs: Run) -> Scope:
        suite = Suite(
            name="tiny", title="T", task="classify", datasets={}, models={}, metrics=(AUC,)
        )
        known = {each: {"fit": f"{each.model:0>8}"} for each in runs}
        place = self.home / "runs"
        return Scope(asked="tiny", suite=suite, root=None, place=place, runs=runs, known=known)

    def measure(self, each: Run, table: Predictions, **about: Any) -> None:
        rows = score(table, (AUC,), Policy())
        said = {**dataclasses.asdict(each), "id": each.id, "title": "T", "task": "classify"}
        said |= {"metrics": ["roc_auc"], "data": "abc", "classes": list(table.classes)}
        said |= {"policy": Policy().measured, **about}
        folder = self.scope(each).folder(each)
        disk.write(folder / "predictions.parquet", table.to_parquet())
        record = Record(run=said, status="ok", measurements=rows)
        disk.write_json(folder / "record.json", as_json(record))

    def accept(self, *runs: Run) -> Any:
        return accept(self.scope(*runs), self.into, allow_dirty=False)

    def entries(self) -> list[Entry]:
        return baselines.all_accepted(self.into, "tiny")

    def read(self) -> dict[Any, Contest]:
        return ledger.read(self.into, self.entries())


MADE = {
    run("a", 0): cases(0, 4.0),
    run("a", 1): cases(1, 4.0),
    run("b", 0): cases(2),
    run("c", 0): cases(3),
}


def expected(*runs: Run) -> Contest:
    models: dict[str, dict[int, Predictions]] = {}
    for each in runs:
        models.setdefault(each.model, {})[each.seed] = MADE[each]
    return contest(AUC, models, Interval())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """All are measured, none is accepted."""
    made = Home(tmp_path)
    for each, table in MADE.items():
        made.measure(each, table)
    return made


def test_accept_writes_the_pairs_of_all_accepted_models(home: Home) -> None:
    assert home.accept(run("b")).data["pairs"] == []
    assert not home.file.exists()
    assert home.read() == {}
    for more, all_of in (
        ([run("c")], [run("b"), run("c")]),
        ([run("a"), run("a", 1)], [*MADE]),
        ([run("b")], [*MADE]),
    ):
        answer = home.accept(*more)
        assert answer.data["pairs"] == [str(home.file)]
        assert str(home.file) in answer.text
        assert home.read() == {PLACE: expected(*all_of)}
    lines = standings(home.entries(), home.read())
    assert lines[0].model == "a"
    assert [line.rank for line in lines] == [1, 2, 2]
    assert {line.rank for line in standings(home.entries())} == {None}


def test_the_file_has_a_line_a_pair_and_says_what_it_was_made_of(home: Home) -> None:
    home.accept(*MADE)
    text = home.file.read_text(encoding="utf-8")
    said = json.loads(text)
    digests: dict[str, dict[str, str]] = {}
    for each in MADE:
        table = baselines.place(home.into, each).with_suffix(".parquet")
        digests.setdefault(each.model, {})[str(each.seed)] = file_digest(table)
    found = said.pop("pairs")
    assert said == {
        "schema": "harness.pairs/1",
        "models": digests,
        "data": "abc",
        "classes": ["benign", "malignant"],
        "policy": Policy().measured,
        "metric": "roc_auc",
        "level": 0.95,
        "method": expected(*MADE).method,
    }
    assert sum(line.startswith('  {"a"') for line in text.splitlines()) == len(found) == 3
    assert all(float(f"{pair['p']:.6g}") == pair["p"] for pair in found)


@pytest.mark.parametrize("order", [*itertools.permutations(MADE)][::5])
def test_the_order_of_accepting_is_forgotten(home: Home, order: tuple[Run, ...]) -> None:
    for each in order:
        home.accept(each)
    found = home.file.read_bytes()
    home.file.unlink()
    home.accept(*MADE)
    assert home.file.read_bytes() == found


def test_pairs_of_other_records_are_refused(home: Home) -> None:
    home.accept(*MADE)
    place = baselines.place(home.into, run("c"))
    table = place.with_suffix(".parquet").read_bytes()
    other = baselines.place(home.into, run("b")).with_suffix(".parquet").read_bytes()
    message = (
        f"{home.file} must be of the records beside it, got other models; accept one of them "
        "again, or delete it"
    )
    disk.write(place.with_suffix(".parquet"), other)
    with pytest.raises(HarnessError) as caught:
        home.read()
    assert str(caught.value) == message
    place.with_suffix(".parquet").unlink()
    place.unlink()
    with pytest.raises(HarnessError, match="got other models"):
        home.read()
    home.accept(run("b"))
    assert home.read() == {PLACE: expected(run("a"), run("a", 1), run("b"))}
    assert table != other


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("abc", "abd", "must be of the records beside it, got other data"),
        ("malignant", "bad", "got other classes"),
        ("{", "", "must be JSON, got"),
        ("harness.pairs/1", "harness.pairs/0", "schema must be one of harness.pairs/1"),
        ('"metric"', '"metrik"', "unknown key 'metrik'"),
    ],
)
def test_a_broken_file_is_one_sentence(home: Home, old: str, new: str, words: str) -> None:
    home.accept(*MADE)
    text = home.file.read_text(encoding="utf-8")
    home.file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(HarnessError) as caught:
        home.read()
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(home.file))


def test_models_of_two_kinds_are_not_compared_and_that_is_said(home: Home) -> None:
    home.accept(run("a"), run("b"))
    assert home.file.is_file()
    home.measure(run("c"), MADE[run("c")], data="other")
    answer = home.accept(run("c"))
    assert answer.data["pairs"] == []
    assert "tiny/blobs/cpu" in answer.text
    assert "other data, classes or policy, not compared; accept all again" in answer.text
    assert not home.file.exists()


def test_runs_and_their_accepted_records_have_the_same_pairs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.accept(*MADE)
    monkeypatch.setattr(_gathered, "open_scope", lambda *_: home.scope(*MADE))
    entries, found, _ = _gathered.measured(["tiny"], None, home.home / "runs", ALL)
    assert found == home.read() == {PLACE: expected(*MADE)}
    accepted = _gathered.accepted(["tiny"], home.into, ALL)
    assert accepted[1] == found
    assert [line.contested for line in standings(entries, found)] == [
        line.contested for line in standings(*accepted[:2])
    ]


def test_a_failed_run_is_nobodys_rival(home: Home) -> None:
    found: dict[Run, tuple[Record, Path]] = {}
    for each in MADE:
        folder = home.scope(each).folder(each)
        found[each] = (home.scope(each).record(each) or Record(run={}, status="failed"), folder)
    broken, folder = found[run("c")]
    found[run("c")] = (dataclasses.replace(broken, status="failed"), folder / "nowhere")
    rest = [each for each in MADE if each != run("c")]
    assert of_runs(found, AUC, Interval()) == {PLACE: expected(*rest)}
    odd, folder = found[run("b")]
    found[run("b")] = (dataclasses.replace(odd, run={**odd.run, "data": "other"}), folder)
    assert of_runs(found, AUC, Interval()) == {}


# What is selected


def test_a_report_is_of_what_is_selected(home: Home) -> None:
    home.accept(*MADE)
    globs = (None, ["a", "b"], None, ["cpu"])
    entries, contests, _ = _gathered.accepted(["tiny"], home.into, globs)
    lines = standings(entries, contests)
    assert [(line.model, line.seeds, line.rank) for line in lines] == [
        ("a", (0, 1), 1),
        ("b", (0,), 2),
    ]
    assert lines[0].contested is not None
    assert lines[0].contested.outcome.pairs == 1
    assert all(entry.means for entry in entries if entry.record.run["model"] == "a")


def test_a_mean_of_seeds_that_are_not_selected_is_left_out(home: Home) -> None:
    home.accept(*MADE)
    entries, contests, _ = _gathered.accepted(["tiny"], home.into, (None, None, ["0"], None))
    assert contests == {}
    assert [entry.means for entry in entries] == [()] * 3
    assert [line.rank for line in standings(entries, contests)] == [None] * 3


@pytest.mark.parametrize(
    ("globs", "sentence"),
    [
        ((["blob"], None, None, None), "--dataset must match one of blobs, got 'blob'"),
        ((None, ["a", "x*"], None, None), "--model must match one of a, b, c, got 'x*'"),
        ((None, None, ["7"], None), "--seed must match one of 0, 1, got '7'"),
        ((None, None, None, ["cuda"]), "--device must match one of cpu, got 'cuda'"),
    ],
)
def test_a_glob_that_matches_none_is_refused(home: Home, globs: Any, sentence: str) -> None:
    home.accept(*MADE)
    with pytest.raises(HarnessError) as caught:
        _gathered.accepted(["tiny"], home.into, globs)
    assert str(caught.value) == sentence


def test_the_usable_device_is_auto(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.accept(*MADE)
    monkeypatch.setattr(_gathered, "cuda_is_usable", lambda: False)
    assert len(_gathered.accepted(["tiny"], home.into, (None, None, None, ["auto"]))[0]) == 4
    monkeypatch.setattr(_gathered, "cuda_is_usable", lambda: True)
    with pytest.raises(HarnessError, match="--device must match one of cpu, got 'cuda'"):
        _gathered.accepted(["tiny"], home.into, (None, None, None, ["auto"]))
