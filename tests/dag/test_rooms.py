"""dvc.yaml lists the rooms that each stage enters, no more and no less; imports between rooms point one way."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.runtime.code import import_closure, source_path

ROOT = Path(__file__).parents[2]
FILES = ("dvc.yaml", "data/demo/dvc.yaml")
FOUND_BY_NAME = {
    "stages.demo": ("pipeline.readers.affwild2",),
    "stages.extract": ("pipeline.backbones.*",),
    "stages.train": ("pipeline.fusion.*", "pipeline.temporal.*"),
    "stages.evaluate": ("pipeline.fusion.*", "pipeline.temporal.*"),
    "stages.finetune": ("pipeline.fusion.*", "pipeline.temporal.*", "pipeline.finetuning.backbones.*"),
}
"""What an entry imports by name: a certain module, or any of a package's. Its templated dependencies name one each."""

GUARDS = ("pipeline.checks", "pipeline.config")
"""Read by every stage for the check of the whole file, by name: they reach no result."""


def stages() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return entry module and code dependencies of each stage; a template stands for one of its modules."""
    found = {}
    for file in FILES:
        for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items():
            body = stage.get("do", stage)
            entry = body["cmd"].split()[2]
            code = tuple(dep for dep in body["deps"] if dep.startswith(("pipeline/", "stages/")))
            found[name] = (entry, code)
    return found


STAGES = stages()


def modules(pattern: str) -> list[str]:
    """Return a module, or every module that can be found by name in a package."""
    package = pattern.removesuffix(".*")
    if package == pattern:
        return [pattern]
    folder = source_path(package).parent
    names = {path.parent.name for path in folder.glob("*/__init__.py")} | {path.stem for path in folder.glob("*.py")}
    return [f"{package}.{name}" for name in sorted(names - {"__init__", "common", "blocks"})]


def expanded(deps: tuple[str, ...], chosen: tuple[str, ...]) -> set[str]:
    """Put the chosen modules in the place of templates."""
    paths = set()
    for dep in deps:
        if "$" not in dep:
            paths.add(dep)
            continue
        folder = dep[: dep.index("$")].rstrip("/").replace("/", ".")
        paths |= {path_of(module) for module in chosen if module.rpartition(".")[0] == folder}
    return paths


def path_of(module: str) -> str:
    """Return a module's file, or a package's folder."""
    path = source_path(module).relative_to(ROOT)
    return str(path.parent if path.name == "__init__.py" else path)


def runs_nothing(path: Path) -> bool:
    """Say whether a package's file holds a docstring and imports alone; what it imports counts by itself."""
    body = ast.parse(path.read_text()).body
    return all(
        isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def entered(entry: str, chosen: tuple[str, ...]) -> set[str]:
    paths = (source_path(module) for module in import_closure(entry, *chosen))
    return {str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py" or not runs_nothing(path)}


def choices(entry: str) -> list[tuple[str, ...]]:
    """Return every choice of modules that one run of an entry can import by name, one of each package."""
    options = [modules(pattern) for pattern in FOUND_BY_NAME.get(entry, ())]
    longest = max(map(len, options), default=1)
    return [tuple(option[min(nth, len(option) - 1)] for option in options) for nth in range(longest)]


def within(path: str, deps: set[str]) -> bool:
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stage_imports_lies_within_its_rooms(name: str) -> None:
    entry, deps = STAGES[name]
    for chosen in choices(entry):
        outside = {path for path in entered(entry, chosen) if not within(path, expanded(deps, chosen))}
        assert not outside, f"{name} with {chosen} imports {sorted(outside)}, which dvc.yaml does not list"


@pytest.mark.parametrize("name", STAGES)
def test_no_room_is_listed_in_vain(name: str) -> None:
    entry, deps = STAGES[name]
    seen = {path for chosen in choices(entry) for path in entered(entry, chosen)}
    unused = [dep for dep in deps if "$" not in dep and not any(within(path, {dep}) for path in seen)]
    assert not unused, f"{name} lists {unused}, but imports nothing of it"


def test_a_template_stands_for_each_module_that_is_found_by_name() -> None:
    for name in ("extract", "train", "evaluate"):
        entry, deps = STAGES[name]
        folders = {dep[: dep.index("$")].rstrip("/").replace("/", ".") for dep in deps if "$" in dep}
        assert folders == {pattern.removesuffix(".*") for pattern in FOUND_BY_NAME[entry]}


def test_dvc_yaml_is_short_enough_to_read() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 200


def room(module: str) -> str:
    """Return the room of a module: a folder of pipeline/, and of backbones and fusion one for each member.

    A room's sections of params.yaml stand apart: they import nothing but other sections.
    """
    parts = module.split(".")
    if parts[-1] == "config" and parts[1] != "runtime":
        return ".".join(parts[1:])
    depth = 3 if parts[1] in ("backbones", "fusion") else 2
    return ".".join(parts[1:depth])


def imports_between_rooms() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for file in sorted((ROOT / "pipeline").rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if module.count(".") < 1:
            continue
        here = graph.setdefault(room(module), set())
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            here |= {room(name) for name in names if re.match(r"pipeline\.\w", name)} - {room(module)}
    return graph


def test_imports_between_rooms_point_one_way() -> None:
    order = tuple(TopologicalSorter(imports_between_rooms()).static_order())  # CycleError names a cycle
    assert order.index("runtime") < order.index("clips") < order.index("training") < order.index("cli")


def test_the_command_line_imports_no_stage() -> None:
    for file in (ROOT / "pipeline").rglob("*.py"):
        tree: Any = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("stages"), file
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("stages") for alias in node.names), file
