"""What this process really loaded: the sources of the project's modules, noted as they are imported.

A file can be edited and put back while a stage runs. Then its bytes say nothing about the code that computed the
result; these do. Modules are compiled from the noted bytes, so that no compiled file of another time is in between.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

PACKAGES = ("pipeline", "stages")
"""The packages whose code counts; libraries are pinned in constraints.txt, and their versions are in an item's key."""

SOURCES: dict[str, bytes] = {}
"""The source of each module of these packages that was imported since `note_sources`, by name."""


class _NotingLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        SOURCES[fullname] = source
        code: CodeType = self.source_to_code(source, self.path)
        return code


class _NotingFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _NotingLoader(spec.loader.name, spec.loader.path)
        return spec


def note_sources() -> None:
    """Note the sources of all modules that are imported from now on; a second call changes nothing."""
    if not any(isinstance(finder, _NotingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NotingFinder())
