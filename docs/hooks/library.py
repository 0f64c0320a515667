"""A page of the reference for each room of the library: the docstrings of its modules."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PLACE = "reference/library"


def rooms() -> dict[str, list[str]]:
    """Return the modules of each room, by the room's folder."""
    folders = [ROOT / "stages", *sorted(file.parent for file in (ROOT / "pipeline").glob("*/__init__.py"))]
    found = {"pipeline": sorted((ROOT / "pipeline").glob("*.py"))}
    found |= {folder.relative_to(ROOT).as_posix(): sorted(folder.rglob("*.py")) for folder in folders}
    return {room: [module for file in files if (module := _module(file))] for room, files in found.items()}


def on_config(config: MkDocsConfig) -> None:
    """Put the pages into the navigation, where mkdocs.yml has their folder."""
    nav: list[dict[str, Any]] = config.nav or []
    for entries in (entry for part in nav for entry in part.values() if isinstance(entry, list)):
        for entry in entries:
            for title, target in entry.items():
                if target == PLACE:
                    entry[title] = [{room: _page(room)} for room in rooms()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for room, modules in rooms().items():
        lines = [f"# {room}", *(f"::: {module}" for module in modules)]
        files.append(File.generated(config, _page(room), content="\n\n".join(lines) + "\n"))
    return files


def _page(room: str) -> str:
    return f"{PLACE}/{room.removeprefix('pipeline/')}.md"


def _module(file: Path) -> str:
    """Return a module's name, or "" for one without a line of text."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) if file.read_text().strip() else ""
