"""What code a result depends on: the static import closure of a module, and a key over its syntax trees.

A comment, a docstring or a reformat leaves the key as it is; a changed constant always changes it.
"""

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("pipeline", "stages")
"""The packages whose code counts; libraries are pinned in constraints.txt instead."""

CARRIERS = frozenset({"pipeline.runtime.section", "pipeline.runtime.errors", "pipeline.runtime.progress"})
"""Modules that compute nothing. Neither does a room's `config`: a section's values are in an item's key themselves."""


def import_closure(*modules: str) -> tuple[str, ...]:
    """Return the project's modules that `modules` import, directly or not, themselves included, sorted by name.

    Imports are read from the syntax tree, inside functions too; a module named in a string is not seen.
    """
    seen: set[str] = set()
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(_imports(module))
    return tuple(sorted(seen))


def code_key(*modules: str) -> str:
    """Return the SHA-256 of the syntax trees of the import closure of `modules`."""
    digest = hashlib.sha256()
    for module in import_closure(*modules):
        if module not in CARRIERS and not module.endswith(".config"):
            digest.update(f"{module}\0{_normalised(source_path(module))}\0".encode())
    return digest.hexdigest()


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
def _imports(module: str) -> tuple[str, ...]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source_path(module).read_text(encoding="utf-8"))):
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
def _normalised(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
