"""Records in other people's files, read back: Parquet, a model card, metrics.json, MLflow."""

import dataclasses
import importlib.util
import io
import json
import math
import posixpath
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from standings import invented, record, run, undefined

from harness.baselines import Entry
from harness.errors import HarnessError
from harness.formats import grand_challenge, measurements, mlflow, model_card
from harness.formats._report import Report, Written
from harness.progress import Progress
from harness.record import Measurement, Record
from harness.report import Recipe
from harness.standings import standings
from harness.verbs import _at_hand
from harness.verbs.report import report as write

HOME = Path(__file__).parent.parent
FORMS = (grand_challenge, measurements, model_card)
NO_MLFLOW = "needs the extra mlflow: mlflow-skinny, sqlalchemy and alembic"
NO_HUB = "needs huggingface_hub, which nothing here asks for"


def entries() -> list[Entry]:
    """Those of invented standings, one failed among them, with curves and scores of three cases."""
    found = []
    for line in invented():
        for one, curve in zip(line.records, [*line.histories, *[()] * 9], strict=False):
            names = ("suite", "dataset", "model", "device")
            id = "/".join([*(str(one.run[name]) for name in names), f"s{one.run['seed']}"])
            named = dataclasses.replace(one, run={**one.run, "id": id, "kind": "nominal"})
            scores = {"p0": np.array([0.25, 1.0, 0.5]), "p1": np.array([0.75, 0.0, math.nan])}
            failed = one.status == "failed"
            found.append(Entry(record=named, scores=None if failed else scores, history=curve))
    return found


def report_of(found: Sequence[Entry]) -> Report:
    recipe = Recipe(name="demo", title="Demo", suites=("liquid3d", "medmnist2d"), sections=())
    return Report(
        recipe=recipe,
        entries=found,
        scores=lambda entry: entry.scores,
        models=lambda: iter(()),
        progress=Progress(quiet=True),
    )


def export(form: Any, folder: Path, found: Sequence[Entry] | None = None) -> Written:
    made: Written = form.export(report_of(entries() if found is None else found), folder)
    assert all(path.exists() for path in made.paths)
    return made


def sound(found: Sequence[Entry]) -> list[Record]:
    return [entry.record for entry in found if entry.record.status != "failed"]


# One Parquet file


def rebuilt(path: Path) -> dict[str, list[Measurement]]:
    """The measurements of a file, by the id of their record."""
    import pyarrow.parquet as pq

    found: dict[str, list[Measurement]] = {}
    for row in pq.read_table(path).to_pylist():
        where = {
            k.removeprefix("where."): v for k, v in row.items() if k.startswith("where.") and v
        }
        low, high = row["ci_low"], row["ci_high"]
        plain = {f.name: row[f.name] for f in dataclasses.fields(Measurement) if f.name in row}
        plain |= {"where": where, "ci": None if low is None else (low, high)}
        plain |= {"better": row["target"] if row["target"] is not None else row["better"]}
        plain |= {"samples": tuple(row["samples"])}
        found.setdefault(row["run.id"], []).append(Measurement(**plain))
    return found


def test_every_measurement_is_read_back_from_parquet_as_it_is(tmp_path: Path) -> None:
    [path] = export(measurements, tmp_path).paths
    found = rebuilt(path)
    records = sound(entries())
    assert len(found) == len(records) > 20
    for one in records:
        assert found[str(one.run["id"])] == list(one.measurements)


def test_a_table_tool_can_ask_it_questions(tmp_path: Path) -> None:
    import pandas

    [path] = export(measurements, tmp_path).paths
    frame = pandas.read_parquet(path)
    one = frame[(frame["run.model"] == "ltc-30") & (frame["where.class"] == "malignant")]
    assert set(one["metric"]) == {"roc_auc"}
    assert frame["where.backend"].isna().sum() > 0
    assert frame.loc[frame["status"] == "undefined", "value"].isna().all()
    assert frame.loc[frame["status"] == "undefined", "reason"].notna().all()
    assert frame["run.seed"].dtype == "int64"


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    better=st.one_of(st.none(), st.sampled_from(["higher", "lower"]), st.just(1.0), st.just(0.0)),
    n=st.one_of(st.none(), st.integers(0, 2**40)),
    samples=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    key=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8),
)
def test_whatever_a_measurement_holds_is_read_back(
    tmp_path_factory: Any, value: float, better: Any, n: int | None, samples: list[float], key: str
) -> None:
    row = Measurement(
        metric="m", value=value, better=better, n=n, samples=tuple(samples), where={key: "v"}
    )
    one = record({**run("s", "d", "m", 0), "id": "s/d/m/cpu/s0"}, [row])
    folder = tmp_path_factory.mktemp("m")
    [path] = export(measurements, folder, [Entry(record=one, scores=None, history=())]).paths
    assert rebuilt(path) == {"s/d/m/cpu/s0": [row]}


# grand-challenge.org


def parsed(path: Path) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return found


def test_metrics_json_has_cases_and_aggregates_as_evaluation_containers_write_them(
    tmp_path: Path,
) -> None:
    made = export(grand_challenge, tmp_path)
    records = sound(entries())
    assert len(made.paths) == len(records)
    for path, one in zip(made.paths, records, strict=True):
        found = parsed(path)
        assert list(found) == ["case", "aggregates"]
        assert len(found["aggregates"]) == len(one.measurements)
        for row in one.measurements:
            name = grand_challenge.named(row)
            told = found["aggregates"][name]
            assert told["value"] == row.value
            assert told.get("count") == row.n
            assert (told.get("ci_low"), told.get("ci_high")) == (row.ci or (None, None))
            assert (told["value"] is None) == ("reason" in told) == (row.value is None)
    names = [path.parent.name for path in made.paths]
    assert "liquid3d-adrenal-ltc-30-cpu-s2" in names


def test_cases_are_columns_by_position_with_null_for_nothing(tmp_path: Path) -> None:
    made = export(grand_challenge, tmp_path)
    breast = parsed(next(path for path in made.paths if "breast" in str(path)))
    assert breast["case"] == {
        "probability_malignant": {"0": 0.25, "1": 1.0, "2": 0.5},
        "probability_benign": {"0": 0.75, "1": 0.0, "2": None},
    }


def test_columns_of_masks_are_called_by_class_and_have_no_dot() -> None:
    lesions = np.array([np.array([1.0, math.nan]), np.array([])], dtype=object)
    scores = {"dice.0": np.array([0.5, math.nan]), "dice.1": np.ones(2), "lesion.0": lesions}
    found = grand_challenge.cases(scores, ["organ", "a.b"])
    assert found["dice_organ"] == {"0": 0.5, "1": None}
    assert found["lesion_organ"] == {"0": [1.0, None], "1": []}
    assert set(found) == {"dice_organ", "dice_a_b", "lesion_organ"}


def test_names_have_no_dot_and_two_that_would_be_one_are_both_there() -> None:
    rows = [
        Measurement(metric="roc_auc", value=value, where={"group.sex": name})
        for value, name in ((0.1, "a.b"), (0.2, "a_b"))
    ]
    one = record({**run("s", "d", "m", 0), "classes": ["x.y", "x_y"]}, rows)
    found = grand_challenge.metrics(one, {"p0": np.array([0.25]), "p1": np.array([0.75])})
    assert found["case"] == {"probability_x_y": {"0": 0.25}, "probability_x_y_2": {"0": 0.75}}
    assert {name: row["value"] for name, row in found["aggregates"].items()} == {
        "roc_auc[group_sex=a_b]": 0.1,
        "roc_auc[group_sex=a_b]_2": 0.2,
    }


def test_every_number_is_where_the_path_of_a_leaderboard_leads(tmp_path: Path) -> None:
    for path in export(grand_challenge, tmp_path).paths:
        found = parsed(path)
        for name in found["aggregates"]:
            at: Any = found
            for key in f"aggregates.{name}.value".split("."):
                at = at[key]
            assert at == found["aggregates"][name]["value"]


@pytest.mark.parametrize("step", ["fit", "export", "predictions"])
def test_cases_are_those_of_the_record_and_not_of_another_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    made = record({**run("s", "d", "m", 0), "id": "s/d/m/cpu/s0"}, [], digests={step: "a"})
    found = types.SimpleNamespace(id="s/d/m/cpu/s0")
    scope = types.SimpleNamespace(
        runs=[found], record=lambda _: made, folder=lambda _: tmp_path / "run"
    )
    table = types.SimpleNamespace(scores=lambda: {"p0": np.ones(1)})
    monkeypatch.setattr(_at_hand, "open_scope", lambda *_: scope)
    monkeypatch.setattr(_at_hand, "shipped", lambda _: table)
    for digest, known in (("a", True), ("b", False)):
        other = dataclasses.replace(made, digests={step: digest})
        entry = Entry(record=other, scores=None, history=())
        assert (_at_hand.said(entry, None, tmp_path) is not None) == known


def test_a_record_whose_cases_are_not_at_hand_says_so(tmp_path: Path) -> None:
    alone = dataclasses.replace(entries()[0], scores=None)
    made = export(grand_challenge, tmp_path, [alone])
    assert parsed(made.paths[0])["case"] == {}
    assert any("has no cases" in note for note in made.notes)


# Model cards


def split(text: str) -> tuple[dict[str, Any], str]:
    """Metadata and text, as the hub parts them."""
    match = re.match(r"---\n(.*?)\n---\n(.*)\Z", text, re.S)
    assert match
    return yaml.safe_load(match[1]), match[2]


def results(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, float]]:
    """What `huggingface_hub.repocard_data.model_index_to_eval_results` makes of an index."""
    [model] = metadata["model-index"]
    for result in model["results"]:
        assert result["task"]["type"] in ("image-classification", "image-segmentation")
        about = result["dataset"]
        assert about["name"]
        for metric in result["metrics"]:
            place = (about["type"], about["config"], about["split"])
            yield (*place, metric["type"], metric["value"])


def test_the_index_of_a_card_is_the_numbers_that_have_a_value(tmp_path: Path) -> None:
    made = export(model_card, tmp_path)
    lines = standings(entries())
    models = {(line.suite, line.model) for line in lines if line.rows}
    assert {path.parent.name for path in made.paths} == {f"{s}-{m}" for s, m in models}
    for suite, model in models:
        metadata, _ = split((tmp_path / f"{suite}-{model}/README.md").read_text("utf-8"))
        mine = [line for line in lines if (line.suite, line.model) == (suite, model)]
        wanted = {
            (line.dataset, line.device, "test", row.metric, row.value)
            for line in mine
            for row in line.rows
            if not row.where and row.metric in ("roc_auc", "accuracy", "brier", "majority_rate")
        }
        found = set(results(metadata))
        assert {each for each in found if each[3] in ("roc_auc", "accuracy")} <= wanted
        assert wanted <= found
        assert all(isinstance(each[4], float) for each in found)
        assert not {each[3] for each in found} & {"parity_max_abs", "size_bytes", "latency_p50"}


def test_what_is_undefined_is_in_the_text_of_a_card_alone(tmp_path: Path) -> None:
    reason = "needs cases of every class; got 12 benign, 0 malignant"
    rows = [undefined("roc_auc", reason), Measurement(metric="brier", value=0.1, n=12)]
    one = record({**run("liquid3d", "d", "net", 0), "id": "x"}, rows)
    made = export(model_card, tmp_path, [Entry(record=one, scores=None, history=())])
    metadata, text = split(made.paths[0].read_text("utf-8"))
    assert [each[3] for each in results(metadata)] == ["brier"]
    assert reason in text
    assert text.startswith("\n# net\n")
    assert "## Trust report" in text
    assert "## Checklists" in text
    assert "license" not in metadata
    assert any("no card names a licence" in note for note in made.notes)


def test_val_and_other_sets_are_results_of_their_own(tmp_path: Path) -> None:
    rows = [
        Measurement(metric="roc_auc", value=value, n=9, where=where)
        for value, where in ((0.8, {}), (0.9, {"split": "val"}), (0.7, {"dataset": "far"}))
    ]
    rows += [Measurement(metric="brier", value=0.2, n=9, where={"dataset": "far"})]
    one = record({**run("liquid3d", "d", "net", 0), "id": "x"}, rows)
    made = export(model_card, tmp_path, [Entry(record=one, scores=None, history=())])
    metadata, _ = split(made.paths[0].read_text("utf-8"))
    assert list(results(metadata)) == [
        ("d", "cpu", "test", "roc_auc", 0.8),
        ("d", "cpu", "validation", "roc_auc", 0.9),
        ("far", "cpu", "test", "roc_auc", 0.7),
        ("far", "cpu", "test", "brier", 0.2),
    ]


def test_the_hub_reads_a_card_as_it_was_meant(tmp_path: Path) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        pytest.skip(NO_HUB)
    from huggingface_hub import ModelCard

    for path in export(model_card, tmp_path).paths:
        metadata, _ = split(path.read_text("utf-8"))
        told = ModelCard.load(path).data
        assert told.model_name == metadata["model-index"][0]["name"]
        found = [
            (r.dataset_type, r.dataset_config, r.dataset_split, r.metric_type, r.metric_value)
            for r in told.eval_results
        ]
        assert found == list(results(metadata))
        assert told.to_dict()["model-index"]


# MLflow


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of the file that the format writes."""
    if any(importlib.util.find_spec(name) is None for name in ("mlflow", "sqlalchemy", "alembic")):
        pytest.skip(NO_MLFLOW)
    monkeypatch.delenv(mlflow.URI, raising=False)
    monkeypatch.chdir(tmp_path)
    return mlflow._library().MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'to/mlflow.db'}")


def runs(client: Any) -> dict[str, Any]:
    """Name -> run, of all experiments."""
    experiments = [each.experiment_id for each in client.search_experiments()]
    return {found.info.run_name: found for found in client.search_runs(experiments)}


@pytest.mark.filterwarnings("default")
def test_mlflow_has_a_run_a_record_with_all_numbers(client: Any, tmp_path: Path) -> None:
    export(mlflow, tmp_path / "to")
    found = runs(client)
    assert set(found) == {str(entry.record.run["id"]) for entry in entries()}
    for entry in entries():
        one = found[str(entry.record.run["id"])]
        whole = {row.metric: row for row in entry.record.measurements if not row.where}
        for name, row in whole.items():
            assert one.data.metrics.get(name) == row.value
            if row.ci:
                assert one.data.metrics[f"{name}/ci_low"] == row.ci[0]
        assert one.data.params["model"] == entry.record.run["model"]
        assert one.data.tags["harness.status"] == entry.record.status
        for warning in entry.record.warnings:
            assert one.data.tags[f"warning.{warning['code']}"] == warning["message"]
        failed = entry.record.status == "failed"
        assert one.info.status == ("FAILED" if failed else "FINISHED")
        text = client.download_artifacts(one.info.run_id, "record.json")
        told = json.loads(Path(text).read_text("utf-8"))
        assert len(told["measurements"]) == len(entry.record.measurements)
        if entry.history:
            curve = client.get_metric_history(one.info.run_id, "history/val_loss")
            assert [each.value for each in curve] == [row["val_loss"] for row in entry.history]
            assert [each.step for each in curve] == [row["epoch"] for row in entry.history]
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.filterwarnings("default")
def test_mlflow_takes_more_than_it_takes_at_once_and_any_name(client: Any, tmp_path: Path) -> None:
    rows = [
        Measurement(metric="m", value=float(k), where={"group.site": name})
        for k, name in enumerate(["a/", "../b", "c//d", "e" * 300, "é", *map(str, range(600))])
    ]
    more = {"id": "x", "options": {str(k): k for k in range(150)}}
    found = [{"code": f"code-{k}", "message": "m"} for k in range(150)]
    one = record({**run("s", "d", "m", 0), **more}, rows, warnings=tuple(found))
    export(mlflow, tmp_path / "to", [Entry(record=one, scores=None, history=())])
    [made] = runs(client).values()
    assert set(made.data.metrics.values()) == {float(k) for k in range(605)}
    assert {made.data.params[f"options.{k}"] for k in range(150)} == {str(k) for k in range(150)}
    assert {f"warning.code-{k}" for k in range(150)} <= set(made.data.tags)


@pytest.mark.filterwarnings("default")
def test_a_record_is_written_to_mlflow_once(client: Any, tmp_path: Path) -> None:
    few = entries()[:2]
    first = export(mlflow, tmp_path / "to", few)
    again = export(mlflow, tmp_path / "to", [*few, entries()[2]])
    assert first.notes[0].startswith("2 runs written")
    assert re.match(r"1 runs written to sqlite:.*, 2 were there", again.notes[0])
    assert len(runs(client)) == 3


@pytest.mark.parametrize("uri", ["file:///mlruns", "mlruns", "./mlruns", "ftp://a/b"])
def test_a_folder_is_no_address_for_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv(mlflow.URI, uri)
    with pytest.raises(HarnessError, match="must be a server or a database, as http://HOST:5000"):
        export(mlflow, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_password_in_an_address_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mlflow.URI, "ftp://me:secret@host/db")
    with pytest.raises(HarnessError) as error:
        export(mlflow, tmp_path / "to")
    assert "secret" not in str(error.value)
    assert "ftp://host/db" in str(error.value)


def test_a_database_without_its_driver_or_with_a_fault_is_one_sentence(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy

    def fail(*_: Any, **__: Any) -> None:
        raise sqlalchemy.exc.OperationalError("at //me:secret@host/db\n\nno table", None, OSError())

    monkeypatch.setenv(mlflow.URI, "mysql+no_such_driver://me:secret@host/db")
    with pytest.raises(HarnessError) as none:
        export(mlflow, tmp_path / "to")
    monkeypatch.setattr(mlflow, "_run", fail)
    monkeypatch.setenv(mlflow.URI, "sqlite:///x.db")
    with pytest.raises(HarnessError, match="must take runs, got") as broken:
        export(mlflow, tmp_path / "to")
    for told in (str(none.value), str(broken.value)):
        assert "secret" not in told
        assert "\n" not in told


def test_without_mlflow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(mlflow.URI, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(HarnessError, match="must have the packages of the extra mlflow"):
        export(mlflow, tmp_path / "to")


def test_names_of_mlflow_are_those_that_it_takes_and_each_once() -> None:
    rows = [
        Measurement(metric="roc_auc", value=0.5, where={"group.age": age})
        for age in (">=65", "<65", "=65", "40-65", "a/", "../a", "a" * 300, "a" * 301)
    ]
    found = mlflow.metrics_of(record(run("s", "d", "m", 0), rows))
    assert len(found) == 8
    assert all(posixpath.normpath(name) == name and len(name) < 240 for name in found)
    assert all(re.fullmatch(r"[\w\-. /]+", name) for name in found)
    assert "roc_auc/group.age_40-65" in found


# All of them


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_write_is_refused_and_what_failed_is_named(form: Any, tmp_path: Path) -> None:
    failed = [entry for entry in entries() if entry.record.status == "failed"]
    with pytest.raises(HarnessError, match=r"must have a record with numbers; no .* of liquid3d"):
        export(form, tmp_path, failed)
    assert list(tmp_path.iterdir()) == []
    made = export(form, tmp_path)
    assert sum("the training loss must be finite" in note for note in made.notes) == len(failed)


def test_two_records_of_one_folder_are_refused(tmp_path: Path) -> None:
    made = [
        record({**run(*names, "m", 0), "id": "/".join(names)}, [Measurement(metric="m", value=1)])
        for names in (("a", "b-d"), ("a-b", "d"))
    ]
    found = [Entry(record=one, scores=None, history=()) for one in made]
    with pytest.raises(HarnessError, match="must be of one model, got a/b-d and a-b/d"):
        export(grand_challenge, tmp_path, found)


@pytest.mark.parametrize("form", ["grand_challenge", "measurements", "model_card"])
def test_the_command_writes_accepted_records(form: str, tmp_path: Path) -> None:
    if not (HOME / "baselines/liquid3d").is_dir():
        pytest.skip("needs a clone: its baselines")
    globs = (("adrenal",), ("cnn-60-42",), None, None)
    found = HOME / "baselines"
    told = write("leaderboard", None, tmp_path / "runs", found, tmp_path, globs, to=form)
    assert told.code == 0
    written = {path for path in (tmp_path / f"leaderboard-{form}").rglob("*") if path.is_file()}
    assert {Path(path) for path in told.data["written"]} == written
    if form == "grand_challenge":
        cases = parsed(min(written))["case"]
        assert len(cases["probability_hyperplasia"]) == 298


def test_a_parquet_file_of_no_key_is_read(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    one = record({**run("s", "d", "m", 0), "id": "x"}, [Measurement(metric="m", value=1.0)])
    [path] = export(measurements, tmp_path, [Entry(record=one, scores=None, history=())]).paths
    assert pq.read_table(io.BytesIO(path.read_bytes())).num_rows == 1
