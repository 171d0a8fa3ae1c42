"""The plan: which Runs a suite asks for, and which steps a change makes stale, and no more."""

import importlib.metadata
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny

from harness import digests as stepwise
from harness import environment, plan, reading
from harness.errors import HarnessError
from harness.plan import Run, Selection

CPU = ("cpu",)
STEPS = ["data", "fit", "export", "predict", "score", "time"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "gpus", list)


def runs(more: str = "", without: str = "", **selection: Any) -> list[str]:
    tiny.suite(more, without)
    chosen = Selection(**{"devices": CPU, **selection})
    return [run.id for run in plan.expand(reading.load("tiny"), chosen)]


def digests(
    more: str = "", without: str = "", model: str = "small", device: str = "cpu"
) -> dict[str, str]:
    tiny.suite(more, without)
    run = Run(suite="tiny", dataset="blobs", model=model, device=device, seed=0)
    return stepwise.digests(reading.load("tiny"), run, None)


def stale(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [step for step in STEPS if before[step] != after[step]]


# The matrix


def test_every_dataset_times_model_times_device_times_seed() -> None:
    more = '[datasets.more]\nload = "phantom"\n[train]\nseeds = [3, 1]\n'
    more += "[models.other.train]\nseeds = [7]"
    assert runs(more, devices=("cuda", "cpu")) == [
        f"tiny/{dataset}/{model}/{device}/s{seed}"
        for dataset in ("blobs", "more")
        for model, seeds in (("small", (3, 1)), ("other", (7,)))
        for device in ("cuda", "cpu")
        for seed in seeds
    ]


def test_globs_select_in_the_order_of_the_suite() -> None:
    more = '[models.small-2]\nbuild = "vgg16"\n[train]\nseeds = [0, 1, 10]'
    assert runs(more, models=("small*",), seeds=("1*",)) == [
        *(f"tiny/blobs/small/cpu/s{seed}" for seed in (1, 10)),
        *(f"tiny/blobs/small-2/cpu/s{seed}" for seed in (1, 10)),
    ]
    assert runs(more, models=("other", "small"), seeds=("0",), datasets=("b?obs",)) == [
        "tiny/blobs/small/cpu/s0",
        "tiny/blobs/other/cpu/s0",
    ]


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        ({"datasets": ("blob",)}, "--dataset must match one of blobs, got 'blob'"),
        ({"models": ("S*",)}, "--model must match one of small, other, got 'S*'"),
        ({"models": ("small", "smal")}, "--model must match one of small, other, got 'smal'"),
        ({"seeds": ("3",)}, "--seed must match one of 0, got '3'"),
        ({"devices": ("gpu",)}, "--device must be auto, cpu or cuda, got 'gpu'"),
    ],
)
def test_a_glob_that_matches_none_is_refused(selection: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HarnessError, match=f"^{re.escape(sentence)}$"):
        runs(**selection)


def test_a_device_is_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"models": ("small",), "devices": ("auto", "cpu", "auto")}
    assert runs(**one) == ["tiny/blobs/small/cpu/s0"]
    monkeypatch.setattr(environment, "cuda_is_usable", lambda: True)
    assert runs(**one) == ["tiny/blobs/small/cuda/s0", "tiny/blobs/small/cpu/s0"]


def test_a_finished_file_is_one_checkpoint() -> None:
    more = '[train]\nseeds = [4, 5]\n[models.done]\nonnx = "done.onnx"'
    assert runs(more, models=("done",)) == ["tiny/blobs/done/cpu/s0"]


# What a change makes stale


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", []),
        ("# a comment", []),
        ("[train]\nseeds = [0, 1]", []),
        ("[train]\nlr = 0.001", []),
        ("[models.small.train]\nlr = 0.001", []),
        ('[[gates]]\nmetric = "roc_auc"\nmargin = 0.1', []),
        ("[models.other.train]\nlr = 0.5", []),
        ('[models.new]\nbuild = "vgg16"', []),
        ("[train]\nlr = 0.5", ["fit", "export", "predict", "score", "time"]),
        ("[train.stop]\npatience = 3", ["fit", "export", "predict", "score", "time"]),
        ("[models.small.train]\nepochs = 3", ["fit", "export", "predict", "score", "time"]),
        ("[datasets.blobs.train]\nepochs = 3", ["fit", "export", "predict", "score", "time"]),
        ("[datasets.blobs.groups]\nage = [0, 50]", STEPS),
        ("[policy]\nthreshold = 0.4", ["export", "predict", "score", "time"]),
        ("[policy]\ngroups_min_n = 9", ["score"]),
        ("[policy.interval]\nlevel = 0.9", ["score"]),
        ("[latency]\nbatch_sizes = [1, 2]", ["time"]),
        ('[latency]\nbackends = ["onnxruntime"]', ["time"]),
        ("[latency]\nseconds = 9", ["time"]),
    ],
)
def test_a_change_makes_these_steps_stale(more: str, expected: list[str]) -> None:
    assert stale(digests(), digests(more)) == expected


def test_an_edit_makes_these_steps_stale() -> None:
    before, text = digests(), tiny.TEXT
    path = Path("suites/tiny.toml")
    later = ["fit", "export", "predict", "score", "time"]
    for old, new, expected in (
        ('"roc_auc", "accuracy"', '"roc_auc", "accuracy", "f1"', ["score"]),
        ('title = "Tiny"', 'title = "Small"', []),
        ("hidden = [4]", "hidden = [5]", later),
        ("size = 8", "size = 9", STEPS),
    ):
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        run = Run(suite="tiny", dataset="blobs", model="small", device="cpu", seed=0)
        assert stale(before, stepwise.digests(reading.load("tiny"), run, None)) == expected


def test_smoke_is_other_data() -> None:
    before = digests()
    run = Run(suite="tiny", dataset="blobs", model="small", device="cpu", seed=0)
    assert stale(before, stepwise.digests(reading.load("tiny", smoke=True), run, None)) == STEPS


def test_another_model_or_device_is_another_training() -> None:
    before = digests()
    later = ["fit", "export", "predict", "score", "time"]
    assert stale(before, digests(model="other")) == later
    assert stale(before, digests(device="cuda")) == later


def test_seeds_share_digests() -> None:
    tiny.suite("[train]\nseeds = [0, 1]")
    suite = reading.load("tiny")
    first, second = plan.expand(suite, Selection(models=("small",), devices=CPU))
    assert stepwise.digests(suite, first, None) == stepwise.digests(suite, second, None)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ("torch", ["fit", "export", "predict", "score", "time"]),
        ("ncps", ["fit", "export", "predict", "score", "time"]),
        ("onnx", ["export", "predict", "score", "time"]),
        ("onnxruntime", ["predict", "score", "time"]),
    ],
)
def test_another_version_makes_these_steps_stale(
    distribution: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, installed = digests(), importlib.metadata.distributions
    monkeypatch.setattr(stepwise, "_versions", stepwise._versions.__wrapped__)  # without its memory

    def renewed(*, name: str) -> list[Any]:
        found = list(installed(name=name))
        return [SimpleNamespace(version="9")] if name == distribution else found

    monkeypatch.setattr(importlib.metadata, "distributions", renewed)
    assert stale(before, digests()) == expected


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("datasets.phantom", STEPS),
        ("models.slice_cnn", ["fit", "export", "predict", "score", "time"]),
        ("fit", ["fit", "export", "predict", "score", "time"]),
        ("export", ["export", "predict", "score", "time"]),
        ("predict", ["predict", "score"]),
        ("metrics.roc_auc", ["score"]),
        ("score", ["score"]),
        ("backends.torch", ["time"]),
        ("latency", ["time"]),
        ("models.vgg16", []),
        ("metrics.f1", []),
        ("backends.fake", []),
        ("plan", []),
    ],
)
def test_new_source_makes_these_steps_stale(
    module: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, source = digests(), stepwise._source
    monkeypatch.setattr(
        stepwise, "_source", lambda *names: source(*names) + "!" * (module in names)
    )
    assert stale(before, digests()) == expected


@pytest.mark.parametrize(
    ("more", "model"),
    [
        ('[models.file]\nbuild = "slice_cnn"\nweights = "a.file"', "file"),
        ('[models.file]\nonnx = "a.file"', "file"),
        ('[models.file]\nbuild = "vgg16"\nargs = { weights = "a.file" }', "file"),
    ],
    ids=["weights", "onnx", "argument"],
)
def test_the_contents_of_a_named_file_count(more: str, model: str) -> None:
    file = Path("a.file")
    file.write_bytes(b"one")
    before = digests(more, model=model)
    assert stale(before, digests(more, model=model)) == []
    file.write_bytes(b"two")
    assert stale(before, digests(more, model=model)) == [
        "fit",
        "export",
        "predict",
        "score",
        "time",
    ]
    file.unlink()
    with pytest.raises(HarnessError, match=r"^a\.file must be a readable file, got: No such file"):
        digests(more, model=model)
    file.mkdir()
    with pytest.raises(
        HarnessError, match=r"^a\.file must be a readable file, got: Is a directory"
    ):
        digests(more, model=model)


def test_a_name_that_no_disk_takes_is_one_sentence() -> None:
    with pytest.raises(HarnessError, match="must be a readable file, got: embedded null"):
        digests('[models.file]\nonnx = "a\\u0000b"', model="file")
    with pytest.raises(HarnessError, match="must be a readable file, got: File name too long"):
        digests(f'[models.file]\nonnx = "{"x" * 300}"', model="file")
