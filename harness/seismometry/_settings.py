"""What seismometer is told of a project: config, usage, metadata and the data dictionary."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.seismometry._names import Column, Target
from harness.seismometry._tables import HIGHEST

LEAST = 10
"""Seismometer shows no cohort of so many cases or fewer, whatever it is told."""
MOST = 25
"""It shows no column of more cohorts."""
LIMIT = 0.25
"""A metric counts as another where it is more than a quarter above or below (1 / 1.25)."""

CONFIG, USAGE, METADATA = "config.yml", "usage.yml", "metadata.json"
DATA = "data"
PREDICTIONS, EVENTS = "predictions.parquet", "events.parquet"
PREDICTED, HAPPENED = "dictionary_predictions.yml", "dictionary_events.yml"


def censored(groups_min_n: int) -> int:
    """Cohorts of so many cases or fewer are dropped: the policy's least, or seismometer's own."""
    return max(LEAST, groups_min_n)


def config() -> dict[str, Any]:
    """`config.yml`; its paths are from the folder of the project, where the notebook is."""
    return {
        "other_info": {
            "usage_config": USAGE,
            "prediction_definition": PREDICTED,
            "event_definition": HAPPENED,
            "info_dir": "output",
            "data_dir": DATA,
            "prediction_path": PREDICTIONS,
            "event_path": EVENTS,
            "metadata_path": METADATA,
        }
    }


def usage(made: Sequence[Target], groups: Sequence[Column], least: int) -> dict[str, Any]:
    """`usage.yml`: which column is what. The first target and its probability are the usual."""
    return {
        "data_usage": {
            "entity_id": "Id",
            "context_id": "Case",
            "primary_output": made[0].score,
            "primary_target": made[0].event,
            "outputs": [name for each in made for name in (each.score, each.decided)],
            "predict_time": "Time",
            "comparison_time": "Time",
            "event_table": {"type": "Type", "time": "EventTime", "value": "Value"},
            "cohorts": [{"source": c.source, "display_name": c.shown} for c in groups],
            "events": [
                {"source": each.event, "display_name": each.event, "usage": "target"}
                for each in made
            ],
            "censor_min_count": censored(least),
        }
    }


def metadata(model: str, threshold: float) -> dict[str, Any]:
    """`metadata.json`."""
    return {"modelname": model, "thresholds": [threshold]}


def dictionaries(
    made: Sequence[Target], groups: Sequence[Column], how: Mapping[int, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The data dictionary: of predictions, and of events. how: class -> the rule of a decision."""
    said = [
        _item("Id", "The subject of the case; the case where no subject is known."),
        _item("Case", "The id of the case in the data."),
        _item("Time", "The same for all: images have no time, and seismometer asks for one."),
    ]
    for each in made:
        probability = (
            f"Probability of {each.event}, by the model as it ships. At most {HIGHEST}: with a "
            "probability of 1 seismometer's AUROC comes out too low."
        )
        said += [
            _item(each.score, probability, "float64"),
            _item(each.decided, f"1 where {each.event} is decided: {how[each.k]}.", "float64"),
        ]
    said += [_item(c.source, f"Group column {c.group} of the data.", "category") for c in groups]
    seen = [_item(each.event, f"1 where the case is {each.event}.", "float64") for each in made]
    return {"predictions": said}, {"events": seen}


def _item(name: str, definition: str, dtype: str = "") -> dict[str, str]:
    told = {"name": name, "definition": definition}
    return told | ({"dtype": dtype} if dtype else {})
