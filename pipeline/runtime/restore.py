"""Results of earlier runs: given back to a stage that failed, and found where DVC keeps them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


@dataclass(frozen=True)
class Recorded:
    """What a dvc.lock records, and where DVC's cache has it.

    Parameters
    ----------
    folder : of the dvc.lock
    stages : by name
    """

    folder: Path
    stages: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Recorded":
        """Read the dvc.lock of a folder; without one nothing is recorded."""
        lock = folder / "dvc.lock"
        try:
            content = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))
        except (OSError, YAMLError):
            content = None
        return cls(folder, (content or {}).get("stages", {}))

    def outs(self, *stages: str) -> Iterator[tuple[Path, str]]:
        """Yield path and MD5 of the outs of some stages, of all where none is named."""
        for stage in stages or self.stages:
            for out in self.stages.get(stage, {}).get("outs", ()):
                yield self.folder / out["path"], out["md5"]

    def file(self, path: Path) -> Path | None:
        """Return where DVC's cache has an out that is one file, if it does."""
        md5 = dict(self.outs()).get(self.folder / path)
        return None if md5 is None or md5.endswith(".dir") else self._cached(md5)

    def tree(self, path: Path) -> dict[str, Path]:
        """Return where DVC's cache has the files of an out that is a directory, by their paths in it."""
        md5 = dict(self.outs()).get(self.folder / path)
        listing = self._cached(md5) if md5 is not None and md5.endswith(".dir") else None
        if listing is None:
            return {}
        entries = json.loads(listing.read_text(encoding="utf-8"))
        found = {entry["relpath"]: self._cached(entry["md5"]) for entry in entries}
        return {file: kept for file, kept in found.items() if kept is not None}

    def _cached(self, md5: str) -> Path | None:
        path = self.cache / "files" / "md5" / md5[:2] / md5[2:]
        return path if path.is_file() else None

    @cached_property
    def cache(self) -> Path:
        """DVC's cache of the repository."""
        return Path(_dvc("cache", "dir", root=self.folder).strip())


def restore_results() -> None:
    """Bring back the outs of the stage that DVC is running, if it is DVC that runs this process."""
    stage, root = os.environ.get("DVC_STAGE"), Path(os.environ.get("DVC_ROOT", "."))
    if stage:
        _dvc("checkout", "--quiet", "--force", stage, root=root)
        file, _, name = stage.rpartition(":")
        recorded = Recorded.read((root / file).parent if file else root)
        for path, _ in recorded.outs(name):
            # Metrics and plots are kept in git, so `dvc checkout` leaves them out; but the run-cache has a copy.
            kept = recorded.file(path.relative_to(recorded.folder))
            if kept is not None and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, path)


def _dvc(*arguments: str, root: Path) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout
