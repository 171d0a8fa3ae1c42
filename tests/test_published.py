"""Published results: files are strict, every row is there, and places are right at the edges."""

import dataclasses
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standings import record, run, score, standing, undefined

from harness import published as published_module
from harness.datasets._medmnist_files import table
from harness.errors import HarnessError
from harness.published import Result, Source, beside, place, published
from harness.record import Measurement
from harness.standings import Standing

HOME = Path(__file__).parent.parent
needs_files = pytest.mark.skipif(
    not (HOME / "baselines/published").is_dir(), reason="needs a clone: its baselines/published"
)
ADRENAL = "bbd3c5a5576322bc4cdfea780653b1ce"
TOML = """title = "A study"
url = "https://example.org"
citation = "Nobody, 2001"
about = "Invented."
digits = 3
suites = ["liquid3d"]
datasets.adrenal = { data = "bbd3c5a5576322bc4cdfea780653b1ce", n = 298 }
results = [
  { dataset = "adrenal", name = "N1", model = "net", scores = { roc_auc = 0.85, brier = 0.1 } },
  { dataset = "adrenal", name = "N2", scores = { roc_auc = 0.9, accuracy = 0.8 }, \
reported = { accuracy = 0.79 } },
]
"""


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return {source.title: source for source in published(HOME / "baselines")}


def result(source: Source, dataset: str, name: str) -> Result:
    [found] = [row for row in source.results if (row.dataset, row.name) == (dataset, name)]
    return found


def files(tmp_path: Path, text: str) -> Path:
    (tmp_path / "published").mkdir()
    (tmp_path / "published/study.toml").write_text(text, encoding="utf-8")
    return tmp_path


@needs_files
def test_every_result_of_the_study_is_there(sources: dict[str, Source]) -> None:
    rows = sources["LungTissues"].results
    assert len(rows) == 90
    networks = {row.name for row in rows}
    assert {(name[-3], name[-1]) for name in networks} == {
        (str(experiment), str(number)) for experiment in range(1, 6) for number in range(1, 7)
    }
    assert len({(row.name, row.dataset) for row in rows}) == 90
    assert all(row.scores.keys() == {"roc_auc", "accuracy"} for row in rows)
    assert all(row.reported.keys() == {"accuracy"} for row in rows)


@needs_files
def test_a_network_of_the_study_has_one_size_and_one_twin(sources: dict[str, Source]) -> None:
    rows = sources["LungTissues"].results
    assert len({(row.name, row.parameters, row.model) for row in rows}) == 30
    twins = {row.name: row.model for row in rows}
    assert twins.pop("CNNExp1N3") == twins["CNNExp1N1"]
    assert len(set(twins.values())) == 29
    recurrent = {
        f"{cell}Exp5N{n}" for cell, numbers in (("LSTM", "234"), ("RNN", "56")) for n in numbers
    }
    assert {row.name for row in rows if row.note == "recurs over the batch"} == recurrent


@needs_files
def test_the_accuracies_of_the_study_are_shares_of_its_cases(sources: dict[str, Source]) -> None:
    """A whole number of cases gives each of them, and none is far from what was reported."""
    source = sources["LungTissues"]
    for row in source.results:
        n, share = source.datasets[row.dataset].n, row.scores["accuracy"]
        assert round(round(share * n) / n, 4) == share
        assert abs(share - row.reported["accuracy"]) <= 0.0101


@needs_files
def test_every_result_of_the_benchmark_is_there(sources: dict[str, Source]) -> None:
    source = sources["MedMNIST v2"]
    counts = {flag: sum(row.dataset == flag for row in source.results) for flag in table()}
    assert counts == {flag: 8 if flag.endswith("3d") else 7 for flag in table()}
    assert len(source.results) == 132
    twins = {row.name: row.model for row in source.results if row.model}
    assert twins == {
        "ResNet-18 (28)": "resnet18",
        "ResNet-50 (28)": "resnet50",
        "ResNet-18 + 2.5D": "resnet18-2.5d",
        "ResNet-18 + 3D": "resnet18-3d",
        "ResNet-18 + ACS": "resnet18-acs",
        "ResNet-50 + 2.5D": "resnet50-2.5d",
        "ResNet-50 + 3D": "resnet50-3d",
        "ResNet-50 + ACS": "resnet50-acs",
    }


@needs_files
@pytest.mark.parametrize(
    ("title", "dataset", "name", "auc", "accuracy", "reported"),
    [
        ("LungTissues", "nodulemnist3d", "CNNExp4N1", 0.9081, 0.8613, 0.8622),
        ("LungTissues", "adrenalmnist3d", "CNNExp1N1", 0.8361, 0.7752, 0.7677),
        ("LungTissues", "adrenalmnist3d", "LiqExp3N2", 0.7160, 0.7651, 0.7551),
        ("LungTissues", "vesselmnist3d", "CNNExp2N3", 0.9271, 0.9005, 0.9008),
        ("LungTissues", "vesselmnist3d", "LSTMExp5N3", 0.5275, 0.8874, 0.8880),
        ("LungTissues", "vesselmnist3d", "RNNExp5N6", 0.8697, 0.9031, 0.9036),
        ("MedMNIST v2", "organmnist3d", "ResNet-18 + 2.5D", 0.977, 0.788, None),
        ("MedMNIST v2", "synapsemnist3d", "AutoKeras", 0.538, 0.724, None),
        ("MedMNIST v2", "fracturemnist3d", "ResNet-50 + ACS", 0.750, 0.517, None),
        ("MedMNIST v2", "breastmnist", "ResNet-18 (28)", 0.901, 0.863, None),
        ("MedMNIST v2", "retinamnist", "Google AutoML", 0.750, 0.531, None),
        ("MedMNIST v2", "organsmnist", "ResNet-50 (224)", 0.975, 0.785, None),
    ],
)
def test_numbers_are_those_of_their_sources(
    sources: dict[str, Source],
    title: str,
    dataset: str,
    name: str,
    auc: float,
    accuracy: float,
    reported: float | None,
) -> None:
    row = result(sources[title], dataset, name)
    assert row.scores == {"roc_auc": auc, "accuracy": accuracy}
    assert row.reported.get("accuracy") == reported


@needs_files
def test_data_is_identified_as_medmnist_does(sources: dict[str, Source]) -> None:
    for source in sources.values():
        for flag, data in source.datasets.items():
            assert data.data == table()[flag]["MD5"]
            assert data.n == table()[flag]["n_samples"]["test"]


@needs_files
def test_twins_are_models_of_the_suites(sources: dict[str, Source]) -> None:
    suites = {
        "LungTissues": ("liquid3d",),
        "MedMNIST v2": ("medmnist2d", "medmnist3d"),
    }
    for title, names in suites.items():
        texts = [(HOME / f"suites/{name}.toml").read_text(encoding="utf-8") for name in names]
        declared = {name for text in texts for name in tomllib.loads(text)["models"]}
        assert {row.model for row in sources[title].results if row.model} <= declared


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title", "titel", "unknown key 'titel'; known: about, citation, datasets, digits"),
        ('about = "Invented."\n', "", "must have a key 'about', got none"),
        ("digits = 3", 'digits = "3"', "digits must be an integer, got '3'"),
        ("digits = 3", "digits = 0", "digits must be from 1 to 9, got 0"),
        ("n = 298", "n = 0", "datasets.adrenal.n must be at least 1, got 0"),
        ("model =", "twin =", "results[0]: unknown key 'twin'; known: dataset, model, name, note"),
        (
            'dataset = "adrenal", name = "N2"',
            'dataset = "vessel", name = "N2"',
            "results[1].dataset must be one of datasets, which are adrenal, got 'vessel'",
        ),
        ('"N2"', '"N1"', "results must have each once, got 'N1 on adrenal'"),
        (
            "{ roc_auc = 0.85, brier = 0.1 }",
            "{}",
            "results[0].scores must name at least one metric, got 'none'",
        ),
        ("roc_auc = 0.85", "auc = 0.85", "results[0].scores: a metric must be a file of metrics/"),
        ("accuracy = 0.8 ", "accuracy = 83.8 ", "accuracy must be at most 1 (0.838 for 83.8 %)"),
        ("roc_auc = 0.85", 'roc_auc = "0.85"', "roc_auc must be a number, got '0.85'"),
        ("roc_auc = 0.85", "roc_auc = nan", "results[0].scores.roc_auc must be finite, got nan"),
        (
            "reported = { accuracy",
            "reported = { f1",
            "results[1].reported must be of metrics in scores, got 'f1'",
        ),
        ("digits = 3", "digits = ", "must be TOML, got"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in TOML
    with pytest.raises(HarnessError) as error:
        published(files(tmp_path, TOML.replace(old, new, 1)))
    assert sentence in str(error.value)
    assert "study.toml" in str(error.value)


def test_no_results_are_refused(tmp_path: Path) -> None:
    head = TOML.partition("results")[0]
    with pytest.raises(HarnessError, match="results must name at least one, got 'none'"):
        published(files(tmp_path, f"{head}results = []"))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that ships none."""
    monkeypatch.setattr(published_module, "SHIPPED", ())


def test_sources_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = files(tmp_path, TOML)
    other = TOML.replace("A study", "Another")
    (folder / "published/before.toml").write_text(other, encoding="utf-8")
    assert [source.title for source in published(folder)] == ["Another", "A study"]


def test_a_folder_without_published_results_has_none(tmp_path: Path) -> None:
    assert published(tmp_path) == ()
    assert published(tmp_path / "nowhere") == ()


def test_a_file_of_ones_own_wins_over_the_shipped_one_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = files(tmp_path, TOML) / "published"
    (shipped / "other.toml").write_text(TOML.replace("A study", "Other"), encoding="utf-8")
    monkeypatch.setattr(published_module, "SHIPPED", (shipped, tmp_path / "absent"))
    own = tmp_path / "own"
    own.mkdir()
    assert [source.title for source in published(own)] == ["Other", "A study"]
    own = files(own, TOML.replace("A study", "Mine"))
    assert [source.title for source in published(own)] == ["Other", "Mine"]


@pytest.mark.parametrize(
    ("value", "digits", "word"),
    [
        (0.8000, 4, "within"),
        (0.9000, 4, "within"),
        (0.9001, 4, "above"),
        (0.7999, 4, "below"),
        (0.901, 3, "above"),
        (0.799, 3, "below"),
        (0.5, 4, "below"),
        (1.0, 4, "above"),
    ],
)
def test_the_ends_belong_to_the_interval(value: float, digits: int, word: str) -> None:
    assert place(value, (0.8, 0.9), digits) == word


def test_a_published_number_is_not_off_by_its_own_rounding() -> None:
    """260 of 310 cases is 0.838709..., published as 0.8387: the same share is within itself."""
    share = 260 / 310
    assert place(0.8387, (share, share), 4) == "within"
    assert place(0.839, (share, share), 3) == "within"
    assert place(0.8386, (share, share), 4) == "above" if share < 0.8386 else "below"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(min_value=1, max_value=6))
def test_a_place_is_that_of_every_number_rounded_so(
    a: float, b: float, x: float, digits: int
) -> None:
    """Rounding a number to so many decimals never carries it out of an interval it is in."""
    low, high = sorted((a, b))
    word = place(round(x, digits), (low, high), digits)
    if low <= x <= high:
        assert word == "within"
    assume(high - low > 0 and not math.isclose(x, low) and not math.isclose(x, high))
    if word == "above":
        assert x > high
    if word == "below":
        assert x < low


def line(model: str, *rows: Measurement, **about: Any) -> Standing:
    found = {"data": ADRENAL, **about.pop("run", {})}
    return standing([record({**run("liquid3d", "adrenal", model, 0), **found}, rows)], **about)


@pytest.fixture
def study(tmp_path: Path) -> tuple[Source, ...]:
    return published(files(tmp_path, TOML))


def test_results_find_models_by_data_and_name(study: tuple[Source, ...]) -> None:
    net = line("net", score("roc_auc", 0.8, 298), score("accuracy", 0.7, 298))
    other = dataclasses.replace(line("other", run={"data": "another"}), dataset="vessel")
    rows = beside([net, other], study)
    assert [(row.result.name, row.model, row.dataset) for row in rows] == [
        ("N2", None, "adrenal"),
        ("N1", "net", "adrenal"),
    ]
    assert rows[0].places == {}
    assert {metric: each.word for metric, each in rows[1].places.items()} == {"roc_auc": "within"}
    assert rows[1].places["roc_auc"].measured is net.rows[0]
    assert {row.n for row in rows} == {298}


def test_a_network_of_that_name_in_another_suite_is_no_twin(study: tuple[Source, ...]) -> None:
    stranger = dataclasses.replace(line("net", score("roc_auc", 0.8, 298)), suite="mine")
    assert [row.model for row in beside([stranger], study)] == [None, None]


@pytest.mark.parametrize(("value", "word"), [(0.70, "above"), (0.95, "below"), (0.85, "within")])
def test_the_word_is_of_the_published_number(
    study: tuple[Source, ...], value: float, word: str
) -> None:
    """Ours is 0.70 with an interval of 0.05 to each side: 0.85 is above it."""
    [row] = [row for row in beside([line("net", score("roc_auc", value, 298))], study) if row.model]
    assert row.places["roc_auc"].word == word


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (undefined("roc_auc", "needs cases of every class"), "needs cases of every class"),
        (Measurement(metric="roc_auc", value=0.8, n=298, over="image"), "has no interval"),
        (score("roc_auc", 0.8, 297), "published of 298 cases, not of 297"),
    ],
)
def test_what_can_not_be_judged_says_why(
    study: tuple[Source, ...], row: Measurement, reason: str
) -> None:
    [found] = [one for one in beside([line("net", row)], study) if one.model]
    assert found.places["roc_auc"].word is None
    assert reason in found.places["roc_auc"].reason


def test_subjects_are_not_counted_as_images(study: tuple[Source, ...]) -> None:
    by_subject = dataclasses.replace(score("roc_auc", 0.8, 149), over="subject")
    [found] = [one for one in beside([line("net", by_subject)], study) if one.model]
    assert found.places["roc_auc"].word == "within"


def test_a_row_of_a_cohort_is_not_the_result(study: tuple[Source, ...]) -> None:
    part = score("roc_auc", 0.8, 298, where={"class": "normal"})
    [found] = [one for one in beside([line("net", part)], study) if one.model]
    assert found.places == {}


def test_a_failed_twin_and_data_without_a_name_are_no_error(study: tuple[Source, ...]) -> None:
    nameless = run("liquid3d", "adrenal", "net", 0)
    del nameless["data"]
    failed = standing([record(nameless, status="failed", error="loss")], rank=None)
    assert beside([failed], study) == ()
    [found] = [one for one in beside([line("b"), failed], study) if one.model]
    assert (found.model, found.places) == ("net", {})


def test_lower_is_first_where_lower_is_better(tmp_path: Path) -> None:
    text = TOML.replace("accuracy", "brier")
    ranked = dataclasses.replace(line("x"), metric="brier")
    rows = beside([ranked], published(files(tmp_path, text)))
    assert [row.result.scores["brier"] for row in rows] == [0.1, 0.8]
