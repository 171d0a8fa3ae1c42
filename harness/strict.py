"""TOML tables into dataclasses: every key known, every type checked, every mistake one sentence."""

import dataclasses
import functools
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from harness.errors import HarnessError

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, all of them plain.

    Raises HarnessError where it is unreadable, not TOML, or holds a date or an endless number.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HarnessError(f"{path} must be a readable file, got: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{path} must be TOML, got: {error}") from None
    plain(table, f"{path}:")
    return table


def plain(value: Any, place: str) -> None:
    """Raise HarnessError unless `value` is text, finite, true, false or null, or made of these."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            plain(item, _at(place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            plain(item, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise HarnessError(f"{place} must be finite, got {value}")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise HarnessError(f"{place} must fit 64 bits, got a larger integer")
    elif not isinstance(value, float | int | str | None):
        raise HarnessError(f"{place} must be a number, text, list or table, got {value}")


def build(cls: type[T], table: Any, place: str) -> T:
    """An instance of dataclass `cls` from a table; `place` opens every error sentence.

    A place that ends in a colon is a file. Raises HarnessError for an unknown or missing key, for
    a value of another type, and for what `cls` itself refuses.
    """
    what = place.rstrip(":")
    if not isinstance(table, Mapping):
        raise HarnessError(f"{what} must be a table, got {table!r}")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise HarnessError(f"{what}: unknown key {key!r}; known: {', '.join(sorted(fields))}")
    hints = _hints(typing.cast(type, cls))
    values = {key: convert(hints[key], value, _at(place, key)) for key, value in table.items()}
    for name, field in fields.items():
        absent = field.default is field.default_factory is dataclasses.MISSING
        if absent and name not in values:
            raise HarnessError(f"{what} must have a key {name!r}, got none")
    try:
        return cls(**values)
    except ValueError as error:
        raise HarnessError(f"{what}: {error}") from None


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def convert(hint: Any, value: Any, place: str) -> Any:
    """`value` as `hint`: scalars, Literal, unions, tuples of one type, Mapping, dataclasses."""
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(get_args(hint), value, place)
    if origin is Literal:
        return _choice(get_args(hint), value, place)
    if origin is tuple:
        return _sequence(get_args(hint), value, place)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(hint)[1], value, place)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, place)
    return _scalar(hint, value, place)


def _one_of(hints: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and type(None) in hints:
        return None
    rest = [hint for hint in hints if hint is not type(None)]
    if len(rest) == 1:
        return convert(rest[0], value, place)
    for hint in rest:
        try:
            return convert(hint, value, place)
        except HarnessError:
            continue
    wanted = " or ".join(_words(hint) for hint in rest)
    raise HarnessError(f"{place} must be {wanted}, got {value!r}")


def _choice(choices: tuple[Any, ...], value: Any, place: str) -> Any:
    if value not in choices:
        known = ", ".join(map(str, choices))
        raise HarnessError(f"{place} must be one of {known}, got {value!r}")
    return value


def _sequence(hints: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise HarnessError(f"{place} must be a list, got {value!r}")
    if hints[-1] is not Ellipsis and len(value) != len(hints):
        raise HarnessError(f"{place} must be a list of {len(hints)}, got {value!r}")
    if hints[0] is float and all(type(item) is float for item in value):
        return tuple(value)
    return tuple(convert(hints[0], item, f"{place}[{i}]") for i, item in enumerate(value))


def _mapping(hint: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise HarnessError(f"{place} must be a table, got {value!r}")
    return {key: convert(hint, item, f"{place}.{key}") for key, item in value.items()}


def _scalar(hint: Any, value: Any, place: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is not bool and isinstance(value, bool)):
        return value
    raise HarnessError(f"{place} must be {_words(hint)}, got {value!r}")


def _at(place: str, key: str) -> str:
    return f"{place} {key}" if place.endswith(":") else f"{place}.{key}"


def _words(hint: Any) -> str:
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
    if hint in names:
        return names[hint]
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    return "a list" if get_origin(hint) is tuple else "a table"
