"""What code a result depends on: the static import closure of a module, and a key over its syntax trees.

A comment, a docstring or a reformat leaves the key as it is; a changed constant always changes it.
"""

import ast
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipeline.runtime.errors import AffectflowError
from pipeline.runtime.loaded import PACKAGES, SOURCES

CARRIERS = frozenset({"pipeline.runtime.section", "pipeline.runtime.errors", "pipeline.runtime.progress"})
"""Modules that compute nothing. Neither does a room's `config`: a section's values are in an item's key themselves."""

Read = Callable[[str], bytes]
"""From a module's name to its source."""


@dataclass(frozen=True)
class Code:
    """The code that an item is to be computed with: part of its key, and compared with what its process has loaded.

    Parameters
    ----------
    modules : those that the item's function is found in, or finds by name
    key : `code_key` of them
    source : SHA-256 of the closure's sources as they are, for a quick comparison
    """

    modules: tuple[str, ...]
    key: str
    source: str

    @classmethod
    def of(cls, *modules: str) -> "Code":
        """Read the code as the files had it when this process first asked."""
        return _code(modules)

    def check(self) -> None:
        """Compare with what this process has loaded.

        Raises
        ------
        AffectflowError
            A file was edited between the computation of the key and its import.
        """
        if _source_digest(self.modules, _read_loaded) != self.source and _key(self.modules, _read_loaded) != self.key:
            raise AffectflowError(
                f"the code of {' and '.join(self.modules)} was edited while it ran: the result is not kept -> run again"
            )


def import_closure(*modules: str) -> tuple[str, ...]:
    """Return the project's modules that `modules` import, directly or not, themselves included, sorted by name.

    Imports are read from the syntax tree, inside functions too; a module named in a string is not seen.
    """
    return _closure(modules, _read_file)


def code_key(*modules: str) -> str:
    """Return the SHA-256 of the syntax trees of the import closure of `modules`."""
    return _key(modules, _read_file)


def changed_since_loaded() -> tuple[str, ...]:
    """Return the modules of this process whose files no longer say what was loaded, comments and docstrings aside."""
    return tuple(module for module, source in sorted(SOURCES.items()) if not _says(module, source))


def _says(module: str, source: bytes) -> bool:
    """Say whether a module's file holds this source, comments and docstrings aside."""
    try:
        now = _read_file(module)
        return now == source or _normalised(now) == _normalised(source)
    except (OSError, SyntaxError):
        return False


@cache
def _code(modules: tuple[str, ...]) -> Code:
    return Code(modules, code_key(*modules), _source_digest(modules, _read_file))


def _key(modules: tuple[str, ...], read: Read) -> str:
    digest = hashlib.sha256()
    for module in _closure(modules, read):
        if module not in CARRIERS and not module.endswith(".config"):
            digest.update(f"{module}\0{_normalised(read(module))}\0".encode())
    return digest.hexdigest()


def _source_digest(modules: tuple[str, ...], read: Read) -> str:
    digest = hashlib.sha256()
    for module in _closure(modules, read):
        digest.update(f"{module}\0".encode())
        digest.update(read(module))
    return digest.hexdigest()


def _closure(modules: tuple[str, ...], read: Read) -> tuple[str, ...]:
    seen: set[str] = set()
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(_imports(module, read(module)))
    return tuple(sorted(seen))


def _read_file(module: str) -> bytes:
    return source_path(module).read_bytes()


def _read_loaded(module: str) -> bytes:
    """Return what this process has loaded; a module that it has not, or not noted, counts as its file is now."""
    return SOURCES[module] if module in SOURCES else _read_file(module)


def source_path(module: str) -> Path:
    """Return the source file of a project module.

    Raises
    ------
    ModuleNotFoundError
        There is no such module.
    """
    path = _find(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module!r}", name=module)
    return path


@cache
def _find(module: str) -> Path | None:
    package, _, rest = module.partition(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent.joinpath(*rest.split(".")) if rest else Path(spec.origin).parent
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _imports(module: str, source: bytes) -> tuple[str, ...]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    ours = {name for name in found if name.partition(".")[0] in PACKAGES}
    # Importing a.b.c runs a and a.b as well.
    ours |= {name.rsplit(".", depth)[0] for name in ours | {module} for depth in range(1, name.count(".") + 1)}
    return tuple(sorted(name for name in ours if _find(name) is not None and name != module))


@cache
def _normalised(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
