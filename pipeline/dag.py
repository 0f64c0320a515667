"""The code that each DVC stage depends on, kept in dvc.yaml: DVC follows no imports.

A stage depends on the import closure of its entry module. Backbones, fusion systems and temporal encoders are imported
by name, so an entry's closure does not hold them; `DYNAMIC` says which stage finds modules where. Such a module is a
templated dependency (``pipeline/fusion/${item.fusion}.py``), written by hand, and touches only the models built on it;
what it imports in turn is listed for every item of the stage.
"""

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.cache.code import PACKAGES, import_closure, source_path
from pipeline.errors import AffectflowError

DYNAMIC = {
    "stages.demo": ("pipeline.corpora.affwild2",),
    "stages.extract": ("pipeline.backbones",),
    "stages.train": ("pipeline.fusion", "pipeline.temporal"),
    "stages.evaluate": ("pipeline.fusion", "pipeline.temporal"),
}
"""What a stage imports by name: a certain module, or one out of a package."""

WHOLE = {"stages.finetune": ("pipeline.backbones.tuning", "pipeline.fusion", "pipeline.temporal")}
"""Packages of which a stage imports a module by a name that no template can reach: it depends on all of them.

DVC resolves no ``${models.${key}.fusion}``. What it runs too often, the item cache answers in seconds.
"""

FILES = ("dvc.yaml", "data/demo/dvc.yaml")
"""Every file with stages."""


@dataclass(frozen=True)
class StageDeps:
    """The code dependencies of one stage, as written and as they should be.

    Parameters
    ----------
    file : the dvc.yaml, relative to the repository
    stage : its name in that file
    present, expected : paths as they stand under `deps`
    """

    file: str
    stage: str
    present: tuple[str, ...]
    expected: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What the stage imports but does not depend on."""
        return tuple(path for path in self.expected if path not in self.present)

    @property
    def superfluous(self) -> tuple[str, ...]:
        """What the stage depends on but does not import."""
        return tuple(path for path in self.present if path not in self.expected)


def code_files(entry: str) -> tuple[Path, ...]:
    """Return the files that every run of the stage behind `entry` depends on, sorted.

    Beside the modules these are the data files in their folders that they name, such as a template. Package files that
    only hold a docstring run nothing and are left out.
    """
    modules = set(import_closure(entry))
    for name in DYNAMIC.get(entry, ()):
        if source_path(name).name != "__init__.py":
            modules |= set(import_closure(name))
            continue
        for file in source_path(name).parent.glob("*.py"):
            module = f"{name}.{file.stem}"
            modules |= set(import_closure(module)) - {module} if file.stem != "__init__" else set()
    for package in WHOLE.get(entry, ()):
        files = source_path(package).parent.glob("*.py")
        modules |= set(import_closure(*(f"{package}.{file.stem}" for file in files if file.stem != "__init__")))
    sources = [path for module in modules if not _is_empty(path := source_path(module))]
    return tuple(sorted({*sources, *(file for source in sources for file in _data_files(source))}))


def read_stages(root: Path) -> list[StageDeps]:
    """Compare the code dependencies of every stage under `root` with what its entry imports.

    Raises
    ------
    AffectflowError
        `root` has no dvc.yaml, or the code that would be imported lies elsewhere.
    """
    found = []
    for file in _files(root):
        for name, stage in _load(root / file)["stages"].items():
            body = stage.get("do", stage)
            entry = _entry(body["cmd"])
            if entry is None:
                continue
            base = (root / file).parent / body.get("wdir", ".")
            expected = tuple(_relative(file, base, root) for file in code_files(entry))
            present = tuple(dep for dep in body.get("deps", ()) if _is_code(dep, base, root))
            found.append(StageDeps(file, name, present, expected))
    return found


def write_stages(root: Path) -> list[StageDeps]:
    """Mend the code dependencies of every stage; return the stages that changed.

    Only those lines are rewritten: other dependencies, comments and the layout of the file stay as they are.
    """
    changed = [stage for stage in read_stages(root) if stage.present != stage.expected]
    for file in dict.fromkeys(stage.file for stage in changed):
        path = root / file
        for stage in changed:
            if stage.file == file:
                path.write_text(_rewrite(path, stage), encoding="utf-8")
    return changed


def _rewrite(path: Path, stage: StageDeps) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    stages = _load(path)["stages"]
    deps = (body := stages[stage.stage].get("do", stages[stage.stage])).get("deps")
    if not deps:
        raise AffectflowError(f"{path}: stage {stage.stage} has no deps; give it the data that it reads first")
    rows = {position: deps.lc.item(position)[0] for position in range(len(deps))}
    code = [rows[position] for position, dep in enumerate(body["deps"]) if dep in stage.present]
    start = min(code, default=max(rows.values()) + 1)
    indent = " " * (deps.lc.item(0)[1] - 2)
    fresh = [f"{indent}- {dep}\n" for dep in stage.expected]
    before = [line for row, line in enumerate(lines[:start]) if row not in code]
    after = [line for row, line in enumerate(lines[start:], start) if row not in code]
    return "".join([*before, *fresh, *after])


def _files(root: Path) -> list[str]:
    files = [file for file in FILES if (root / file).is_file()]
    if FILES[0] not in files:
        raise AffectflowError(f"no {FILES[0]} in {root}; run this in the root of a clone")
    return files


def _load(path: Path) -> Any:
    return YAML(typ="rt").load(path.read_text(encoding="utf-8"))


def _entry(cmd: str) -> str | None:
    """Return the project's module that a stage's command runs."""
    match = re.search(rf"python -m ((?:{'|'.join(PACKAGES)})[.\w]*)", cmd)
    return match.group(1) if match else None


def _is_code(dep: object, base: Path, root: Path) -> bool:
    """Whether a dependency is ours to write: a file of the project's packages, named without a template."""
    if not isinstance(dep, str) or "$" in dep:
        return False
    return Path(os.path.relpath(base / dep, root)).parts[0] in PACKAGES


def _relative(path: Path, base: Path, root: Path) -> str:
    if not path.resolve().is_relative_to(root.resolve()):
        raise AffectflowError(f"{path} is imported, which is not in {root}; install this clone (`make install`)")
    return Path(os.path.relpath(path.resolve(), base.resolve())).as_posix()


def _data_files(source: Path) -> set[Path]:
    """Return the files beside a module, other than modules, that its text names, and those that these name in turn."""
    beside = {file for file in source.parent.iterdir() if file.is_file() and file.suffix != ".py"}
    found: set[Path] = set()
    pending = [source]
    while pending:
        text = pending.pop().read_text(encoding="utf-8", errors="replace")
        named = {file for file in beside - found if file.name in text}
        found |= named
        pending.extend(named)
    return found


def _is_empty(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
