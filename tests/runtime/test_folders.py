"""Work folders: gone afterwards, swept when their process was killed, and never taken from a living one."""

import fcntl
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime.errors import disk_error
from pipeline.runtime.folders import leftovers, sweep, work_folder, work_root

HOLD = """
import sys, time
from pathlib import Path
from pipeline.runtime.folders import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_a_folder_is_gone_afterwards_even_after_an_error(tmp_path: Path) -> None:
    root = tmp_path / "tmp"

    def fail() -> None:
        with work_folder(root) as folder:
            (folder / "file").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not root.exists()


def test_a_killed_process_leaves_what_the_next_one_sweeps(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert leftovers(tmp_path) == [], "its process lives"
        sweep(tmp_path)
        assert (folder / "half").is_file()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert leftovers(tmp_path) == [folder]
    with work_folder(tmp_path) as mine:
        assert sorted(path.name for path in tmp_path.iterdir()) == [mine.name, f"{mine.name}.lock"]


def test_a_lock_without_a_folder_is_swept(tmp_path: Path) -> None:
    (tmp_path / "a.lock").touch()
    assert leftovers(tmp_path) == [tmp_path / "a.lock"]
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_takes_a_lock_that_is_being_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "a.lock"
    lock.touch()
    removed = []

    def remove(path: Path, **_: object) -> None:
        with lock.open() as late, pytest.raises(BlockingIOError):
            fcntl.flock(late, fcntl.LOCK_EX | fcntl.LOCK_NB)
        removed.append(path)

    monkeypatch.setattr(shutil, "rmtree", remove)
    sweep(tmp_path)
    assert removed == [tmp_path / "a"]
    assert not lock.exists()


def test_a_place_that_goes_away_meanwhile_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = os.listdir

    def listdir(path: Path) -> list[str]:
        tmp_path.rmdir()
        return seen(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("place", ["{}", "{}/tmp"])
@pytest.mark.parametrize("at", ["link", "file"])
def test_what_is_no_folder_is_said(tmp_path: Path, at: str, place: str) -> None:
    """A team's disk is not mounted, say."""
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=at) as caught, work_folder(tmp_path / place.format(at)):
        pass
    assert "mount what the link leads to" in str(disk_error(caught.value))


def _use(root: Path) -> None:
    for number in range(1000):
        with work_folder(root) as folder:
            (folder / "file").write_text(str(number))
            assert (folder / "file").read_text() == str(number)


def test_many_processes_share_one_place(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.map(_use, [tmp_path / "tmp"] * 3)
    assert not (tmp_path / "tmp").exists()


def test_in_a_dvc_repository_work_lies_where_dvc_does_not_look(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "predictions").mkdir()
    assert work_root(tmp_path / "predictions" / "grjca") == tmp_path / ".dvc" / "tmp" / "affectflow"


def test_elsewhere_it_lies_beside_the_destination(tmp_path: Path) -> None:
    assert work_root(tmp_path / "out") == tmp_path / ".affectflow"
