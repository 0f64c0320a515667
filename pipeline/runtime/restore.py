"""What a stage that failed gives back: the results of its last success, which DVC removed before it was started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML


def restore_results() -> None:
    """Bring back the outs of the stage that DVC is running, if it is DVC that runs this process."""
    stage, root = os.environ.get("DVC_STAGE"), Path(os.environ.get("DVC_ROOT", "."))
    if stage:
        _dvc("checkout", "--quiet", "--force", stage, root=root)
        cache = Path(_dvc("cache", "dir", root=root).strip())
        for path, md5 in _recorded(root, stage):
            # Metrics and plots are kept in git, so `dvc checkout` leaves them out; but the run-cache has a copy.
            kept = cache / "files" / "md5" / md5[:2] / md5[2:]
            if kept.is_file() and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, path)


def _dvc(*arguments: str, root: Path) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout


def _recorded(root: Path, stage: str) -> Iterator[tuple[Path, str]]:
    """Yield path and MD5 of each single file that dvc.lock records as a result of `stage`."""
    file, _, name = stage.rpartition(":")
    lock = (root / file).parent / "dvc.lock" if file else root / "dvc.lock"
    if lock.is_file():
        record = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8"))
        for out in record["stages"].get(name, {}).get("outs", ()):
            if not out["md5"].endswith(".dir"):
                yield lock.parent / out["path"], out["md5"]
