"""Full, read-only and failing disks: a message says so, and once they are mended a run ends with the same bytes."""

import errno
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Make
from tests.faults.injection import Fault
from tests.faults.project import CLIPS, EVALUATE, IR50, REPORT, TRAIN, Step

pytestmark = pytest.mark.slow

PAGE = 4096


@pytest.mark.parametrize(
    ("step", "number", "words"),
    [
        (CLIPS, errno.ENOSPC, "No space left on device -> free some space"),
        (IR50, errno.ENOSPC, "No space left on device -> free some space"),
        (TRAIN, errno.EDQUOT, "Disk quota exceeded -> free some space"),
        (EVALUATE, errno.ENOSPC, "No space left on device -> free some space"),
        (REPORT, errno.EROFS, "Read-only file system -> make it writable"),
        (TRAIN, errno.EIO, "Input/output error -> the disk or the way to it fails"),
        (EVALUATE, errno.EIO, "Input/output error -> the disk or the way to it fails"),
    ],
)
def test_a_disk_that_takes_nothing_more(at: Make, step: Step, number: int, words: str) -> None:
    project = at(step)
    moment = random.Random(f"{step} {number}").randint(1, project.operations(step) // 2)
    ended = project.run(step, Fault(below=project.whole, at=moment, error=number))
    project.clear(ended, words)
    project.again(step)


@pytest.mark.parametrize(
    ("step", "most", "words"),
    [
        (CLIPS, 5000, ".h5, trial 7: File too large -> raise the limit of a file's size (ulimit -f)"),
        (IR50, 400, "cache/tmp, trial 10-30-640x480-1: File too large -> raise the limit"),
        (TRAIN, 3000, "cache/tmp: File too large -> raise the limit"),
        (EVALUATE, 2000, "frames.h5: File too large -> raise the limit"),
    ],
)
def test_a_limit_on_the_size_of_files(at: Make, step: Step, most: int, words: str) -> None:
    project = at(step)
    ended = project.run(step, Fault(below=project.whole, largest_file=most))
    project.clear(ended, words)
    project.again(step)


@pytest.mark.parametrize(
    ("step", "folder"),
    [
        (CLIPS, "cache"),
        (IR50, "cache/items"),
        (CLIPS, "project"),
        (TRAIN, "project/data"),
        (EVALUATE, "project"),
        (REPORT, "project"),
    ],
)
def test_a_folder_that_may_not_be_written(at: Make, step: Step, folder: str) -> None:
    project = at(step)
    place = project.folder / folder
    places = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for path in places:
        path.chmod(0o555)
    try:
        ended = project.run(step, Fault(below=project.whole, unprivileged=True))
    finally:
        for path in places:
            path.chmod(0o755)
    project.clear(ended, "Permission denied", "make it writable for you")
    project.again(step)


@contextmanager
def small_disk(folder: Path, *, left: int) -> Iterator[None]:
    """Put what is in a folder on a disk of its own with so many free pages."""
    content = folder.with_name("content")
    pages = sum(-(-path.stat().st_size // PAGE) for path in folder.rglob("*") if path.is_file())
    shutil.copytree(folder, content)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={PAGE * (pages + left)}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    try:
        shutil.copytree(content, folder, dirs_exist_ok=True)
        yield
        shutil.copytree(folder, content, dirs_exist_ok=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    shutil.copytree(content, folder, dirs_exist_ok=True)


@pytest.mark.parametrize(("step", "left"), [(CLIPS, 30), (IR50, 10)], ids=["clips", "extract-ir50"])
def test_a_cache_on_a_disk_that_is_full(at: Make, step: Step, left: int) -> None:
    project = at(step)
    with small_disk(project.cache.root, left=left):
        ended = project.run(step)
    project.clear(ended, "No space left on device", "free some space", "finished items are kept")
    project.again(step)
