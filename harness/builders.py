"""Who builds a network: a file of models/, or a function of the user's own package.

`build = "mynet.arch:build"` names a function like those of models/, in a module that is found from
the current folder or is installed. It is read before it is imported, like a file of a shelf.
"""

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness import shelf
from harness.errors import HarnessError

WANTED = "must name a file of models/ or module:function of an importable package"


class Builder(NamedTuple):
    """`build(shape, outputs, **args)`, and `to_onnx(module, shape)` where there is one."""

    build: Any
    to_onnx: Any = None


def load(name: str) -> Builder:
    """Import a builder. Raises HarnessError where there is none, or it cannot be imported."""
    if ":" not in name:
        module = shelf.load("models", name)
        return Builder(module.build, getattr(module, "to_onnx", None))
    dotted, function = _split(name)
    _file(dotted)
    try:
        outside = importlib.import_module(dotted)
        return Builder(getattr(outside, function), getattr(outside, "to_onnx", None))
    except Exception as error:  # the user's code may raise anything
        got = f"{type(error).__name__}: {error}"
        raise HarnessError(f"{dotted} must be importable and have {function}, got {got}") from error


def arguments(name: str, what: str) -> dict[str, shelf.Argument] | None:
    """What a suite may set, read without importing; None where the function takes anything.

    `what` opens the sentence of the HarnessError where there is no such builder.
    """
    if ":" not in name:
        shelf.require("models", name, what)
        return shelf.arguments("models", name, "build")
    dotted, function = _split(name, what)
    found = shelf.definition(_tree(dotted, _file(dotted, what)), function)
    if found is None:
        raise HarnessError(f"{what}: {dotted} must define a function {function}, got none")
    return None if found.args.kwarg else shelf.keywords(found, skip=2)


def sources(name: str | None) -> list[str]:
    """The modules of the harness that a builder is, for `shelf.source_digest`."""
    return [] if name and ":" in name else [f"models.{name}"]


def digest(name: str | None) -> dict[str, str]:
    """Of the code of an outside builder, of the packages it is in, and of what it imports of them.

    Empty for a builder of models/, whose code `sources` names.
    """
    if not name or ":" not in name:
        return {}
    pending, seen = [_split(name)[0]], dict[str, str]()
    while pending:
        dotted = pending.pop()
        file = _place(dotted)
        if file is not None and dotted not in seen:
            tree = _tree(dotted, file)
            seen[dotted] = shelf.code(tree)
            pending += _imports(tree, dotted, file.name == "__init__.py")
            pending.append(dotted.rpartition(".")[0])
    text = "\n".join(f"{dotted}\n{seen[dotted]}" for dotted in sorted(seen))
    return {"outside": hashlib.sha256(text.encode()).hexdigest()}


def _split(name: str, what: str = "build") -> tuple[str, str]:
    dotted, _, function = name.partition(":")
    if not all(part.isidentifier() for part in (*dotted.split("."), function)):
        raise HarnessError(f"{what} {WANTED}, got {name!r}")
    return dotted, function


def _file(dotted: str, what: str = "build") -> Path:
    place = _place(dotted)
    if place is None:
        raise HarnessError(
            f"{what} {WANTED}, got {dotted!r}, which is neither below {Path.cwd().name}/ nor "
            "installed; run where it is, or install it"
        )
    return place


def _tree(dotted: str, file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), file.name)
    except (SyntaxError, ValueError) as error:
        raise HarnessError(f"{dotted} must be Python, got {error}") from None


def _place(dotted: str) -> Path | None:
    """The source file of a module, without importing it or its packages."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    first, *rest = dotted.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    places = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def _imports(tree: ast.Module, dotted: str, package: bool) -> Iterator[str]:
    """What a module imports from its own top-level package, relatively or by full name."""
    parts = dotted.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            kept = parts[: len(parts) + package - node.level] if node.level else []
            base = ".".join([*kept, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == parts[0])
