"""DVC's own cache: finding damaged files in it. Where results are links, a file that is changed in place changes there.

DVC itself compares a kept file with its name only before it protects it, and then brings a damaged one back as the
result of the stage.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.progress import Progress
from pipeline.runtime.restore import Recorded

FOLDERS = (Path(), Path("data/demo"))
"""Those with a dvc.lock."""


def damaged_objects(*, progress: Progress | None = None) -> list[Path]:
    """Return the files in DVC's cache of the repository here whose content is not that of their name."""
    found = []
    for path in kept_objects():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if content != path.parent.name + path.name.removesuffix(".dir"):
            found.append(path)
        if progress is not None:
            progress.advance(path.name[:8])
    return found


def kept_objects() -> list[Path]:
    """Return all files in DVC's cache of the repository here, sorted; none where there is no repository."""
    if not Path(".dvc").is_dir():
        return []
    return sorted((Recorded.read(Path()).cache / "files" / "md5").glob("??/*"))


def forget_objects(damaged: Sequence[Path]) -> list[Path]:
    """Remove damaged files from DVC's cache, and the results here that are links to them; return those results.

    The next `dvc repro` runs their stages, which take undamaged items from the item cache.
    """
    results, gone = [], frozenset(damaged)
    for folder in FOLDERS:
        recorded = Recorded.read(folder)
        for out, _ in recorded.outs():
            whole = out.relative_to(folder)
            one = recorded.file(whole)
            files = {out: one} if one is not None else {out / name: kept for name, kept in recorded.tree(whole).items()}
            results += [path for path, kept in files.items() if kept in gone and path.exists()]
    for path in (*results, *damaged):
        path.unlink()
    return results
