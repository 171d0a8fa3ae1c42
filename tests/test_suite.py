"""A suite from its file: each rule broken once says so in a sentence, and `--set` wins over all."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import reading, shelf
from harness.errors import HarnessError
from harness.suite import Augment, MetricSpec, Schedule, Split, Stop, Suite

SHIPPED = [file.stem for file in sorted((shelf.PACKAGE.parent / "suites").glob("*.toml"))]
TRAIN = (
    "augment, batch_size, epochs, loss, lr, optimizer, sampler, schedule, seeds, select, stop, "
    "weight_de"
)
METRICS = 'metrics = ["roc_auc", "accuracy"]'
BLOBS, MODELS = tiny.TEXT[tiny.TEXT.index("[datasets") :].split("\n\n", 1)
NAMED = "a name must be ASCII letters, digits, '.', '_' and '-', a letter or digit first"
TWICE = '{ metric = "roc_auc", margin = 1 }'
ARRAYS = '{ load = "arrays", args = { file = "x.npz" }'
BROKEN = r"""
title="" -> title must be a line of text, got ''
title=" " -> title must be a line of text, got ' '
title="a\nb" -> title must be a line of text, got 'a\nb'
title=3 -> title must be a text, got 3
task="guess" -> task must be one of classify, segment, got 'guess'
name="x" -> unknown key 'name'
smoke=true -> unknown key 'smoke'; known: datasets, gates, latency, metrics, models, policy, task
trian.lr=3 -> unknown key 'trian'; known: datasets, gates, latency, metrics, models, policy, task
metrics="roc_auc" -> metrics must be a list, got 'roc_auc'
metrics=[] -> metrics must name at least one, got []
metrics=[3] -> metrics[0].name must be a text, got 3
metrics=[{ bins = 5 }] -> metrics[0] must have a key 'name', got none
metrics=["f1", "f1"] -> metrics must be each named once, got ['f1', 'f1']
metrics=[{ name = "f1", bins = 5 }] -> metrics.f1: unknown argument 'bins'; known: none
metrics=["nope"] -> metrics must be a file of metrics/, got 'nope'
metrics=["_counts"] -> metrics must be a file of metrics/, got '_counts'; known: accuracy
datasets={} -> datasets must name at least one, got 'none'
datasets=3 -> datasets must be a table, got 3
datasets.x=3 -> datasets.x must be a table, got 3
datasets.x.laod=1 -> datasets.x: unknown key 'laod'; known: args, groups, input, load, split, te
datasets.x.args={} -> datasets.x must have a key 'load', got none
datasets.x.load="no" -> datasets.x.load must be a file of datasets/, got 'no'
datasets.x.load="../strict" -> datasets.x.load must be a file of datasets/, got '../strict'; known:
datasets.blobs.args.dmi=2 -> datasets.blobs.args: unknown argument 'dmi'; known: difficulty, dim,
datasets.blobs.groups="age" -> datasets.blobs.groups must be a table, got 'age'
datasets.blobs.groups.age=[60, 40] -> datasets.blobs.groups.age must be one or more rising band
datasets.blobs.groups.age=[1, 1] -> datasets.blobs.groups.age must be one or more rising band edges
datasets.blobs.groups.age=[] -> datasets.blobs.groups.age must be one or more rising band edges
datasets.blobs.test_on="blobs" -> datasets.blobs.test_on must be a list, got 'blobs'
datasets.blobs.test_on=["blobs"] -> datasets.blobs.test_on must name another dataset, one of none
datasets.blobs.test_on=["x"] -> datasets.blobs.test_on must name another dataset, one of none, got
datasets.blobs.test_on=["x", "x"] -> datasets.blobs.test_on must be each named once, got ['x', 'x']
datasets.blobs.input.window=[0, 1] -> datasets.blobs.input must be range alone with task classify
datasets.blobs.input.range=1 -> datasets.blobs.input.range must be a list, got 1
datasets.blobs.input.range=[0] -> datasets.blobs.input.range must be a list of 2, got [0]
datasets.blobs.input.range=[0, 1, 2] -> datasets.blobs.input.range must be a list of 2, got [0, 1,
datasets.blobs.input.range=[1, 1] -> datasets.blobs.input.range must be two rising numbers, got [1.
datasets.blobs.input.range=[1, 0] -> datasets.blobs.input.range must be two rising numbers, got [1.
datasets.blobs.split.folds=3 -> datasets.blobs.split must go with data that has no split, got 'phan
datasets.blobs.split=3 -> datasets.blobs.split must be a table, got 3
datasets.blobs=ARRAYS, split = { fold = 3 } } -> datasets.blobs.split: unknown key 'fold'; known: b
datasets.blobs=ARRAYS, split = { folds = 2 } } -> datasets.blobs.split.folds must be 3 or more, got
datasets.blobs=ARRAYS, split = { folds = 3, test = 0.1 } } -> datasets.blobs.split must have either
datasets.blobs=ARRAYS, split = {} } -> datasets.blobs.split must have folds, or test and val above
datasets.blobs=ARRAYS, split = { test = 0.5, val = 0.5 } } -> datasets.blobs.split must have folds,
datasets.blobs=ARRAYS, split = { by = "site" } } -> datasets.blobs.split.by must be one of subject,
datasets.blobs={ load = "arrays", args = { white = "x" } } -> datasets.blobs.args.white must be a nu
datasets.blobs={ load = "arrays" } -> datasets.blobs.args must have 'file', got []
datasets.é.load="phantom" -> datasets: NAMED, got 'é'
models={} -> models must name at least one, got 'none'
models.x=3 -> models.x must be a table, got 3
models.a/b.build="vgg16" -> models: NAMED, got 'a/b'
models.a+b.build="vgg16" -> models: NAMED, got 'a+b'
models.x={} -> models.x must have either build or onnx, got {'build': None, 'onnx': None}
models.small.onnx="x" -> models.small must have either build or onnx, got {'build': 'slice_cnn',
models.x.build="nope" -> models.x.build must be a file of models/, got 'nope'
models.small.args.hiden=[1] -> models.small.args: unknown argument 'hiden'; known: dropout, hidden
models.small.args=[3] -> models.small.args must be a table, got [3]
models.small.weights="" -> models.small.weights must name a file, got ''
models.x={ build = "vgg16", args = { weights = 3 } } -> models.x.args.weights must name a file, got
models.small.link="softmax" -> models.small.link must go with onnx, not with build, got 'softmax'
models.small.input.range=[1, 0] -> models.small.input.range must be two rising numbers, got [1.0, 0
models.small.input=3 -> models.small.input must be a table, got 3
models.x.build="a:b:c" -> models.x.build must name a file of models/ or module:function of an import
models.x.onnx="" -> models.x.onnx must name a file, got ''
models.x={ onnx = "x", weights = "y" } -> models.x.weights must go with build, not with onnx, got
models.x={ onnx = "x", args = { a = 1 } } -> models.x.args must go with build, not with onnx, got
models.x={ onnx = "x", train = { lr = 1 } } -> models.x.train must go with build, not with onnx
models.x={ onnx = "x", link = "tanh" } -> models.x.link must be one of sigmoid, softmax, identity
train=3 -> train must be a table, got 3
train.x=1 -> train: unknown key 'x'; known: TRAIN
models.small.train.x=1 -> models.small.train: unknown key 'x'; known: TRAIN
datasets.blobs.train.x=1 -> datasets.blobs.train: unknown key 'x'; known: TRAIN
models.small.train=3 -> models.small.train must be a table, got 3
train.lr=0 -> train.lr must be above 0, got 0.0
train.lr="1" -> train.lr must be a number, got '1'
train.lr=fast -> train.lr must be a number, got 'fast'
train.lr= -> train.lr must be a number, got ''
models.small.train.lr=0 -> models.small.train.lr must be above 0, got 0.0
datasets.blobs.train.lr=0 -> datasets.blobs.train.lr must be above 0, got 0.0
train.weight_decay=-1 -> train.weight_decay must be 0 or more, got -1.0
train.batch_size=0 -> train.batch_size must be 1 or more, got 0
train.epochs=0 -> train.epochs must be 1 or more, got 0
train.epochs=true -> train.epochs must be an integer, got True
train.epochs=3.5 -> train.epochs must be an integer, got 3.5
train.seeds=1 -> train.seeds must be a list, got 1
train.seeds=[] -> train.seeds must be different numbers from 0 to 4294967295, got []
train.seeds=[1, 1] -> train.seeds must be different numbers from 0 to 4294967295, got [1, 1]
train.seeds=[-1] -> train.seeds must be different numbers from 0 to 4294967295, got [-1]
train.seeds=[4294967296] -> train.seeds must be different numbers from 0 to 4294967295, got
train.optimizer="lion" -> train.optimizer must be one of adam, adamw, sgd, got 'lion'
train.stop=3 -> train.stop must be a table, got 3
train.stop.monitor="auc" -> train.stop.monitor must be one of val_loss, val_accuracy, val_roc_auc
train.stop.patience=0 -> train.stop.patience must be 1 or more, got 0
train.stop.min_delta=-0.1 -> train.stop.min_delta must be 0 or more, got -0.1
train.schedule=3 -> train.schedule must be a table, got 3
train.schedule={} -> train.schedule must have a key 'milestones', got none
train.schedule.milestones=[] -> train.schedule.milestones must be rising shares between 0 and 1, got
train.schedule.milestones=[0] -> train.schedule.milestones must be rising shares between 0 and 1
train.schedule.milestones=[0.5, 1] -> train.schedule.milestones must be rising shares between 0 and
train.schedule.milestones=[0.5, 0.5] -> train.schedule.milestones must be rising shares between 0 a
train.schedule.milestones=[50, 75] -> train.schedule.milestones must be rising shares between 0 and
train.schedule={ milestones = [0.5], gamma = 0 } -> train.schedule.gamma must be above 0, got 0.0
models.small.train.schedule.milestones=[2] -> models.small.train.schedule.milestones must be rising
train.augment.rotate=3 -> train.augment must be intensity alone with task classify, got 'more'
train.augment.intensity=1 -> train.augment.intensity must be a list, got 1
train.augment.intensity=[1] -> train.augment.intensity must be a list of 2, got [1]
train.augment.intensity=[2, 1] -> train.augment.intensity must be two numbers, the first not above
latency.backends="torch" -> latency.backends must be a list, got 'torch'
latency.backends=["tpu"] -> latency.backends must be a file of backends/, got 'tpu'
latency.backends=["fake"] -> latency.backends must be real, got 'fake'
latency.backends=["torch", "torch"] -> latency.backends must be each named once, got
latency.batch_sizes=[] -> latency.batch_sizes must be 1 or more, got []
latency.batch_sizes=[2, 2] -> latency.batch_sizes must be each named once, got [2, 2]
latency.threads=[1, 0] -> latency.threads must be 1 or more, got [1, 0]
latency.seconds=-1 -> latency.seconds must be 0 or more, got -1.0
latency.samples=10 -> latency.samples must be 11 or more, got 10
policy.x=1 -> policy: unknown key 'x'; known: calibrate, empty, groups_min_n, inconclusive,
policy.calibrate="best" -> policy.calibrate must be one of none, temperature, platt, isotonic, got
policy.prior="true" -> policy.prior must be one of as-trained, natural, got 'true'
models.small.prior=[0.5, 1.0] -> models.small.prior must be shares between 0 and 1, got [0.5, 1.0]
policy.threshold=1 -> policy.threshold must be between 0 and 1, got 1.0
policy.threshold=true -> policy.threshold must be a number, got True
policy.interval="subject" -> policy.interval must be a table, got 'subject'
policy.interval.level=1 -> policy.interval.level must be in [0.5, 1), got 1.0
policy.groups_min_n=0 -> policy.groups_min_n must be 1 or more, got 0
gates=3 -> gates must be a list, got 3
gates=[{ metric = "f1", margin = 1 }] -> gates[0]: unknown metric 'f1'
gates=[{ metric = "roc_auc" }] -> gates[0] must have either margin or ratio, got {'margin': None
gates=[{ metric = "roc_auc", margin = 1, ratio = 1 }] -> gates[0] must have either margin or ratio
gates=[{ metric = "roc_auc", ratio = 2 }] -> gates[0] must have a margin, got 'ratio of roc_auc'
gates=[{ metric = "latency_p50", margin = 2 }] -> gates[0] must have a ratio, got 'margin of
gates=[{ metric = "roc_auc", margin = -1 }] -> gates[0].margin must be 0 or more, got -1.0
gates=[{ metric = "size_bytes", ratio = 0 }] -> gates[0].ratio must be 1 or more, got 0.0
gates=[{ metric = "f1", where = { batch = 1 } }] -> gates[0].where.batch must be a text, got 1
metrics=["ece_floor"] -> metrics must begin with one that is better higher or lower, as it ranks
metrics=["f1", {name="ece", bins=0}] -> metrics.ece.bins must be 1 to 100, got 0
gates=[TWICE, TWICE] -> gates must be each named once, got ['roc_auc', 'roc_auc']
"""
PAIRS = [
    [
        text.replace("NAMED", NAMED).replace("TRAIN", TRAIN).replace("TWICE", TWICE)
        for text in line.replace("ARRAYS", ARRAYS).split(" -> ")
    ]
    for line in BROKEN.strip().splitlines()
]
"""What is set, and how the sentence begins that refuses it."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(more: str = "", without: str = "", sets: Sequence[str] = (), smoke: bool = False) -> Suite:
    tiny.suite(more, without)
    return reading.load("tiny", sets, smoke)


def refusal(more: str = "", without: str = "", sets: Sequence[str] = ()) -> str:
    """The sentence, less the file that it begins with."""
    with pytest.raises(HarnessError) as caught:
        load(more, without, sets)
    said = str(caught.value)
    assert said.startswith("suites/tiny.toml")
    assert "\n" not in said
    return said.removeprefix("suites/tiny.toml").removeprefix(": ").removeprefix(" ")


# What is read


def test_a_suite_is_read_with_its_defaults() -> None:
    suite = load()
    assert (suite.name, suite.title, suite.task, suite.smoke) == ("tiny", "Tiny", "classify", False)
    assert [metric.name for metric in suite.metrics] == ["roc_auc", "accuracy"]
    assert suite.datasets["blobs"].args == {"dim": 2, "size": 8, "subjects": 20}
    assert suite.models["small"].args == {"hidden": [4]}
    assert list(suite.models) == ["small", "other"]
    assert suite.training("blobs", "small").seeds == (0,)
    assert suite.policy.threshold == 0.5
    assert suite.gates == ()


def test_a_metric_is_a_name_or_a_table() -> None:
    suite = load('[[gates]]\nmetric = "f1"\nmargin = 0', METRICS, ['metrics=["f1", {name="mcc"}]'])
    assert suite.metrics == (MetricSpec(name="f1"), MetricSpec(name="mcc"))


@pytest.mark.parametrize("metric", ["calibration_slope", "ece_floor"])
def test_a_metric_without_a_direction_is_measured_and_neither_ranks_nor_gates(metric: str) -> None:
    assert load("", METRICS, [f'metrics=["f1", "{metric}"]'])
    gates = f'gates=[{{ metric = "{metric}", margin = 0.1 }}]'
    said = refusal("", METRICS, [f'metrics=["f1", "{metric}"]', gates])
    assert said.startswith("gates[0] must be of a metric that is better higher or lower, got")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_suite_loads(name: str) -> None:
    assert name in reading.known("suites")
    assert reading.load(name).name == name
    assert reading.title(name) == reading.load(name).title
    assert reading.load(name, smoke=True).smoke


# What is refused


@pytest.mark.parametrize(("text", "sentence"), PAIRS, ids=[text for text, _ in PAIRS])
def test_a_broken_rule_is_one_sentence(text: str, sentence: str) -> None:
    assert refusal(sets=[text]).startswith(sentence)


@pytest.mark.parametrize(
    ("shelf_name", "text"),
    [
        ("datasets", "datasets.blobs.load"),
        ("models", "models.small.build"),
        ("metrics", "metrics"),
        ("backends", "latency.backends"),
    ],
)
def test_an_unknown_name_lists_its_shelf(shelf_name: str, text: str) -> None:
    value = "['no']" if text in ("metrics", "latency.backends") else "no"
    known = ", ".join(shelf.names(shelf_name))
    must = f"{text} must be a file of {shelf_name}/, got 'no'; known: {known}"
    assert refusal(sets=[f"{text}={value}"]) == must


@pytest.mark.parametrize("line", ['title = "Tiny"', 'task = "classify"', METRICS, BLOBS, MODELS])
def test_what_a_suite_must_say_is_asked_for(line: str) -> None:
    key = re.split(r"[ .]", line.strip("["))[0]
    assert refusal(without=line) == f"must have a key {key!r}, got none"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("[models.small]", "must be TOML, got: Cannot declare ('models', 'small') twice"),
        ("[[models.x]]", "models.x must be a table, got [{}]"),
        ("[gates]", "gates must be a list, got {}"),
        ("[train]\nlr = nan", "train.lr must be finite, got nan"),
        ("[datasets.blobs.groups]\nage = [0, inf]", "datasets.blobs.groups.age[1] must be finite"),
        (
            "[datasets.blobs.groups]\nage = [2024-01-01]",
            "datasets.blobs.groups.age[0] must be a",
        ),
        ("[train]\nepochs = 99999999999999999999", "train.epochs must fit 64 bits, got a larger"),
        ("[latency]\nseconds = 1e999", "latency.seconds must be finite, got inf"),
        ("[models.x.args]\na = [nan]", "models.x.args.a[0] must be finite, got nan"),
        ("[models.'..']", f"models: {NAMED}, got '..'"),
        ("[models.'']", f"models: {NAMED}, got ''"),
        ("[datasets.'a\\n']", "datasets.a\\n must have a key 'load', got none"),
    ],
)
def test_a_broken_file_is_one_sentence(more: str, sentence: str) -> None:
    assert refusal(more).startswith(sentence)


def test_a_metric_of_another_task_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = shelf.constant
    monkeypatch.setattr(
        shelf, "constant", lambda of, *_: ("segment",) if of == "metrics" else known(of, *_)
    )
    assert refusal() == "metrics.roc_auc must be of task segment, got 'classify'"


KEYS = (
    *("title", "task", "metrics", "datasets", "models", "train", "latency", "policy", "gates"),
    *("datasets.blobs", "datasets.blobs.load", "datasets.blobs.groups", "datasets.blobs.train"),
    *("models.small", "models.small.build", "models.small.onnx", "models.small.args", "x.y"),
    *("models.small.train", "models.small.train.lr", "train.stop", "train.seeds", "train.lr"),
    *("latency.backends", "latency.batch_sizes", "policy.interval", "gates.0", "name", "smoke"),
)
LITERALS = st.recursive(
    st.sampled_from(
        ["nan", "-inf", "0", "-1", "1e400", "9" * 30, "true", '""', '"é"', "'a/b'", "2024-01-01"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | inner.map(lambda item: f"{{ a = {item} }}")
    ),
    max_leaves=4,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.sampled_from(KEYS), value=LITERALS | st.text(max_size=5), smoke=st.booleans())
def test_whatever_is_set_only_a_sentence_comes_back(key: str, value: str, smoke: bool) -> None:
    try:
        found = load("[models.small.train]\nlr = 0.1", sets=[f"{key}={value}"], smoke=smoke).name
    except HarnessError as error:
        found = str(error)
    assert found.startswith(("tiny+", "suites/tiny.toml", "--set "))


@pytest.mark.parametrize(
    "arguments",
    [["suites/folder.toml"], ["tiny", "--set", "=3"], ["suites/latin.toml"], ["suites/é.toml"]],
)
def test_the_command_line_ends_in_2_and_a_sentence(arguments: list[str]) -> None:
    tiny.suite()
    tiny.suite(name="é")
    Path("suites/folder.toml").mkdir()
    Path("suites/latin.toml").write_bytes(b"title = '\xff'")
    command = [sys.executable, "-m", "harness", "plan", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("harness: ")
    assert ", got" in line


# Training tables


def test_one_shallow_merge_the_model_over_the_dataset_over_all() -> None:
    suite = load(
        """
        [train]
        lr = 0.1
        epochs = 1
        batch_size = 2
        stop = { monitor = "val_accuracy", patience = 3 }
        [datasets.blobs.train]
        lr = 0.2
        epochs = 2
        [models.small.train]
        lr = 0.3
        stop = { patience = 7 }
        """
    )
    small, other = suite.training("blobs", "small"), suite.training("blobs", "other")
    assert (small.lr, small.epochs, small.batch_size) == (0.3, 2, 2)
    assert (other.lr, other.epochs, other.batch_size) == (0.2, 2, 2)
    assert small.stop == Stop(patience=7)
    assert other.stop == Stop(monitor="val_accuracy", patience=3)


def test_an_override_wins_over_every_table() -> None:
    tables = "[datasets.blobs.train]\nlr = 0.2\n[models.small.train]\nlr = 0.3"
    suite = load(tables, sets=["train.lr=0.5"])
    assert suite.training("blobs", "small").lr == suite.training("blobs", "other").lr == 0.5
    suite = load(tables, sets=["train = { epochs = 7 }"])
    assert suite.training("blobs", "small") == suite.training("blobs", "other")
    assert suite.training("blobs", "small").epochs == 7
    assert load(tables, smoke=True).training("blobs", "small").epochs == 1


def test_an_override_inside_a_table_leaves_its_neighbours() -> None:
    """A model that trains its own way, but says nothing of when to stop, stops as all do."""
    stop = '[train]\nstop = { monitor = "val_accuracy", min_delta = 0.1 }\n'
    suite = load(stop + "[models.small.train]\nlr = 0.3", sets=["train.stop.patience=5"])
    expected = Stop(monitor="val_accuracy", min_delta=0.1, patience=5)
    assert suite.training("blobs", "small").stop == expected
    assert suite.training("blobs", "other").stop == expected
    own = "[models.small.train.stop]\nmin_delta = 0.2"
    suite = load(stop + own, sets=["train.stop.patience=5"])
    assert suite.training("blobs", "small").stop == Stop(min_delta=0.2, patience=5)


# --set


def test_an_override_reaches_every_table() -> None:
    suite = load(
        sets=[
            "title=A new one",
            'metrics=["f1"]',
            "datasets.blobs.args.size=9",
            "models.other.args.hidden=[5]",
            "models.new.build=vgg16",
            "policy.interval.level=0.9",
            "latency.batch_sizes=[1, 2]",
            "train.lr = 1e-2 # faster",
        ]
    )
    assert suite.title == "A new one"
    assert suite.metrics == (MetricSpec(name="f1"),)
    assert suite.datasets["blobs"].args == {"dim": 2, "size": 9, "subjects": 20}
    assert suite.models["other"].args == {"hidden": [5]}
    assert list(suite.models) == ["small", "other", "new"]
    assert suite.policy.interval.level == 0.9
    assert suite.latency.batch_sizes == (1, 2)
    assert suite.training("blobs", "new").lr == 0.01


@pytest.mark.parametrize("text", ["", "=3", "train", ".=3", "train.=3", "train..lr=3", " =3"])
def test_an_override_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load(sets=[text])
    assert str(caught.value) == f"--set must be KEY=VALUE such as train.epochs=3, got {text!r}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train.epochs=3\nx=4", "train.epochs must be an integer, got '3\\nx=4'"),
        ("train.lr.x=3", "lr must be a table to take train.lr.x, got 0.1"),
        ("title.x=3", "title must be a table to take title.x, got 'Tiny'"),
        ("train=3", "train must be a table, got 3"),
    ],
)
def test_an_override_of_the_wrong_kind_is_one_sentence(text: str, sentence: str) -> None:
    assert refusal("[train]\nlr = 0.1", sets=[text]) == sentence


def test_an_override_of_an_endless_number_is_refused() -> None:
    with pytest.raises(HarnessError, match=r"^--set train\.lr must be finite, got nan$"):
        load(sets=["train.lr=nan"])


def test_a_changed_suite_has_another_name() -> None:
    names = [
        load(sets=sets, smoke=smoke).name
        for sets, smoke in [
            ([], False),
            ([], True),
            (["train.lr=1"], False),
            (["train.lr=1"], True),
            (["train.lr=2"], False),
            (["train.lr=1", "train.epochs=1"], False),
        ]
    ]
    assert len(set(names)) == len(names)
    assert names[0] == "tiny"
    assert all(name.startswith("tiny+") and len(name) == len("tiny+") + 8 for name in names[1:])
    assert load(sets=["train.epochs=1", "train.lr=1"]).name == names[-1]
    assert load().smoke is False
    assert load(smoke=True).smoke is True


# What a model is given, and how its data is divided


def test_input_is_the_models_own_or_else_the_datasets() -> None:
    suite = load(sets=["datasets.blobs.input.range=[-1, 1]", "models.other.input.range=[0, 255]"])
    assert suite.input("blobs", "small").range == (-1, 1)
    assert suite.input("blobs", "other").range == (0, 255)
    assert load().input("blobs", "other").range == (0, 1)


def test_a_schedule_and_an_augmentation_are_read() -> None:
    text = "[train]\nschedule.milestones = [0.5, 0.75]\naugment = { intensity = [0.9, 1.1] }"
    asked = load(text).training("blobs", "small")
    assert asked.schedule == Schedule(milestones=(0.5, 0.75), gamma=0.1)
    assert asked.augment == Augment(intensity=(0.9, 1.1))
    none = load(text + "\n[models.small.train]\naugment = {}").training("blobs", "small")
    assert none.augment == Augment()
    assert none.schedule == asked.schedule


def test_data_without_a_split_may_be_divided() -> None:
    whole = """
    [datasets.mine]
    load = "arrays"
    args = { file = "mine.csv", groups = ["sex"], white = 4095 }
    split = { test = 0.2, val = 0.1, seed = 3 }
    test_on = ["blobs"]
    """
    found = load(whole).datasets["mine"]
    assert found.split == Split(by="subject", test=0.2, val=0.1, seed=3)
    assert found.test_on == ("blobs",)
    folded = "datasets.mine.split={ by = 'image', folds = 5 }"
    alone = load(whole, sets=[folded, "datasets.mine.test_on=[]"]).datasets["mine"]
    assert alone.split == Split(by="image", folds=5)
    sentence = "datasets.mine.test_on must go with one network, not with folds, got ['blobs']"
    assert refusal(whole, sets=[folded]) == sentence


# Finding


def test_a_path_then_the_current_folder_then_the_shipped_copy() -> None:
    shipped = reading.find("suites", "quickstart")
    assert shipped.is_absolute()
    ours = tiny.suite(name="quickstart")
    assert reading.find("suites", "quickstart") == ours
    assert reading.load("quickstart").title == "Tiny"
    elsewhere = tiny.suite(name="quickstart", folder="elsewhere")
    assert reading.find("suites", "elsewhere/quickstart.toml") == elsewhere
    assert reading.load("elsewhere/quickstart.toml").name == "quickstart"


def test_a_copy_inside_the_package_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PACKAGE", tmp_path / "site" / "harness")
    copy = tiny.suite(name="mine", folder="suites").rename(tmp_path / "mine.toml")
    home = tmp_path / "site" / "harness" / "shipped" / "suites"
    home.mkdir(parents=True)
    copy.rename(home / "mine.toml")
    assert reading.find("suites", "mine") == home / "mine.toml"
    assert reading.known("suites") == ["mine"]


def test_an_unknown_name_lists_the_known() -> None:
    tiny.suite()
    Path("suites/folder.toml").mkdir()
    with pytest.raises(HarnessError) as caught:
        reading.load("tniy")
    known = ", ".join(sorted([*SHIPPED, "tiny"]))
    assert str(caught.value) == f"suites/tniy.toml must exist, got no such file; known: {known}"


@pytest.mark.parametrize("name", ["", "folder", "*", "../suites/tiny", ".", "x" * 300, "a\0b"])
def test_no_other_name_finds_a_file(name: str) -> None:
    tiny.suite()
    Path("suites/folder.toml").mkdir()
    with pytest.raises(HarnessError, match="must exist, got no such file; known: "):
        reading.load(name)


@pytest.mark.parametrize("name", ["é", "a b", "-x", "tiny+12345678", ".toml"])
def test_a_name_that_is_no_folder_everywhere_is_refused(name: str) -> None:
    path = tiny.suite(name=name)
    with pytest.raises(HarnessError) as caught:
        reading.load(str(path))
    assert str(caught.value) == f"suites/{name}.toml: {NAMED}, got {path.stem!r}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("models.small.args.hidden='ab'", "models.small.args.hidden must be a list, got 'ab'"),
        ("models.small.args.hidden=[2.5]", "hidden[0] must be an integer, got 2.5"),
        ("models.small.args.dropout='x'", "models.small.args.dropout must be a number, got 'x'"),
        ("datasets.blobs.args.size='big'", "datasets.blobs.args.size must be an integer"),
        ("datasets.blobs={load='medmnist'}", "datasets.blobs.args must have 'flag', got []"),
    ],
)
def test_arguments_have_the_type_that_the_builder_names(change: str, sentence: str) -> None:
    with pytest.raises(HarnessError) as caught:
        reading.load(str(tiny.suite()), [change])
    assert sentence in str(caught.value)
