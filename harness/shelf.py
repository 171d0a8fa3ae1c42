"""The shelves: one file, one thing, found by its file name, read without import."""

import ast
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import HarnessError

PACKAGE = Path(__file__).parent
SHELVES = ("models", "datasets", "metrics", "backends", "formats", "report")


def names(shelf: str) -> list[str]:
    """The files of a shelf, sorted; a leading underscore hides one."""
    files = (PACKAGE / shelf).glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def load(shelf: str, name: str) -> Any:
    """The module `harness.<shelf>.<name>`. Raises HarnessError, listing what exists."""
    require(shelf, name, f"{shelf} entry")
    module: ModuleType = importlib.import_module(f"harness.{shelf}.{name}")
    return module


def require(shelf: str, name: str, what: str) -> None:
    """Raise HarnessError unless the shelf has a file `name`; `what` opens the sentence."""
    if name not in names(shelf):
        known = ", ".join(names(shelf))
        raise HarnessError(f"{what} must be a file of {shelf}/, got {name!r}; known: {known}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A keyword-only argument of a shelf file's function; `hint` is its annotation as written."""

    hint: str
    required: bool


def arguments(shelf: str, name: str, function: str) -> dict[str, Argument]:
    """The keyword-only arguments of a shelf file's function, read without importing it."""
    found = definition(_tree(PACKAGE / shelf / f"{name}.py"), function)
    return {} if found is None else keywords(found)


def definition(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """The definition of a function at the top of a module, if there is one."""
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return next(found, None)


def keywords(node: ast.FunctionDef, skip: int | None = None) -> dict[str, Argument]:
    """The keyword-only arguments of a function, and others but the first `skip`, if it is given."""
    pairs = list(zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True))
    if skip is not None:
        plain = [*node.args.posonlyargs, *node.args.args]
        absent: list[ast.expr | None] = [None] * (len(plain) - len(node.args.defaults))
        pairs += list(zip(plain, [*absent, *node.args.defaults], strict=True))[skip:]
    return {
        given.arg: Argument(
            hint=ast.unparse(given.annotation) if given.annotation else "", required=default is None
        )
        for given, default in pairs
    }


def constant(shelf: str, name: str, variable: str) -> Any:
    """A literal assigned at the top of a shelf file, read without importing it; None if absent."""
    for node in _tree(PACKAGE / shelf / f"{name}.py").body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if getattr(target, "id", None) == variable:
                return ast.literal_eval(node.value)
    return None


def summary(shelf: str, name: str) -> str:
    """The first line of a shelf file's docstring."""
    return (ast.get_docstring(_tree(PACKAGE / shelf / f"{name}.py")) or "").partition("\n")[0]


def source_digest(*modules: str) -> str:
    """Of the code of `harness` modules ("models.liquid") and what they import from their shelves.

    Comments, docstrings and layout do not count; of what is imported by its full name, shelves,
    `statistics` and `guards` do, steps and nouns do not, so that a step is redone for its own code
    and for nothing else. A module that is not there (an optional exporter) adds nothing.
    """
    seen: dict[str, str] = {}
    pending = list(modules)
    while pending:
        module = pending.pop()
        file = PACKAGE / (module.replace(".", "/") + ".py")
        if module not in seen and file.is_file():
            stat = file.stat()
            seen[module], imported = _code(file, stat.st_mtime_ns, stat.st_size)
            pending += imported
    text = "\n".join(f"{module}\n{seen[module]}" for module in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _code(file: Path, changed: int, size: int) -> tuple[str, list[str]]:
    """What counts of a module, and what it imports from shelves: read once while it is the same."""
    tree = _tree(file)
    return code(tree), list(_shelf_imports(tree))


def code(tree: ast.Module) -> str:
    """What counts of a module: neither comments and layout nor docstrings."""
    return ast.unparse(_without_docstrings(tree))


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Nor with the texts that describe a constant below it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]
    return tree


def _is_text(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def _shelf_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            path = (node.module or "").removeprefix("harness.")
            candidates = [path, *(f"{path}.{alias.name}" for alias in node.names)]
            for candidate in candidates:
                inside = candidate.split(".")[0] in (*SHELVES, "statistics", "guards")
                if inside:
                    yield candidate
