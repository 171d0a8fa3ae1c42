"""The JSON Schema of a record, made from its dataclasses: `python -m harness.schema` prints it."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from harness.record import ALWAYS, SCHEMA, Measurement, Record

SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}

Schema = dict[str, Any]


def schema() -> Schema:
    """Draft 2020-12, of what `as_json` makes of a Record."""
    record = _table(Record)
    record["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        **record,
        "$defs": {Measurement.__name__: _table(Measurement)},
    }


def text() -> str:
    """As `docs/record.schema.json` holds it."""
    return json.dumps(schema(), indent=2) + "\n"


def _table(cls: type) -> Schema:
    properties = {name: _of(hint) for name, hint in typing.get_type_hints(cls).items()}
    return {
        "description": " ".join((cls.__doc__ or "").split()),
        "type": "object",
        "properties": properties,
        "required": [n for n, kind in properties.items() if n in ALWAYS or not _empty(kind)],
        "additionalProperties": False,
    }


def _empty(kind: Schema) -> bool:
    """Whether a field of this kind can be None or hold nothing, and is left out then."""
    return kind.get("type") in ("array", "object") or _of(type(None)) in kind.get("anyOf", ())


def _of(hint: Any) -> Schema:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return {}
    if origin is Literal:
        return {"enum": [*args]}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(arg) for arg in args]}
    if origin is tuple:
        return _array(args)
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(args[1])}
    if dataclasses.is_dataclass(hint):
        return {"$ref": f"#/$defs/{typing.cast(type, hint).__name__}"}
    return {"type": SCALARS[hint]}


def _array(args: tuple[Any, ...]) -> Schema:
    length = {} if args[-1] is Ellipsis else {"minItems": len(args), "maxItems": len(args)}
    return {"type": "array", "items": _of(args[0]), **length}


if __name__ == "__main__":
    print(text(), end="")
