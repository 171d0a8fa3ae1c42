"""Tables of cases from their Parquet files, whatever the task."""

import pyarrow as pa
import pyarrow.parquet as pq

from harness.cases import KIND, Cases
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.segmented import Segmented


def read_cases(data: bytes, name: str) -> Cases:
    """What `to_parquet` wrote; `name` is what a HarnessError calls the file."""
    try:
        about = pq.read_schema(pa.BufferReader(data)).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise HarnessError(f"{name} must be predictions in Parquet, got {error}") from None
    masks = about.get(KIND.encode()) == Segmented.kind.encode()
    kind: type[Segmented] | type[Predictions] = Segmented if masks else Predictions
    return kind.from_parquet(data, name)
