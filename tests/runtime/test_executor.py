import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.runtime import executor as module
from pipeline.runtime.errors import InputError
from pipeline.runtime.executor import Executor, WorkerDiedError, run
from pipeline.runtime.items import ItemCache
from tests.runtime.work import Job, work

SERIAL = Executor(engine="serial", device="cpu")
PROCESSES = Executor(engine="processes", workers=2, device="cpu")
ENGINES = [pytest.param(SERIAL, id="serial"), pytest.param(PROCESSES, id="processes")]


def jobs(folder: Path, **what: str) -> list[Job]:
    folder.mkdir(exist_ok=True)
    return [Job(name, folder, kind) for name, kind in what.items()]


def outputs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("executor", ENGINES)
def test_every_item_is_run_once_and_yielded(executor: Executor, tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", **{f"item{number}": "note" for number in range(7)})
    results = list(run(work, given, executor=executor))
    assert sorted(result.item.name for result in results) == [job.name for job in given]
    assert all(result.error is None for result in results)
    assert outputs(tmp_path / "out") == {job.name: job.name for job in given}


@pytest.mark.parametrize("executor", ENGINES)
def test_nothing_to_do(executor: Executor) -> None:
    assert list(run(work, [], executor=executor)) == []


@pytest.mark.parametrize("executor", ENGINES)
def test_an_item_that_raises_does_not_stop_the_others(executor: Executor, tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", a="note", b="input", c="note", d="plain", e="odd", f="note")
    errors = {result.item.name: result.error for result in run(work, given, executor=executor)}
    assert (
        {name for name, error in errors.items() if error is None} == {"a", "c", "f"} == set(outputs(tmp_path / "out"))
    )
    assert isinstance(errors["b"], InputError)
    assert [problem.message for problem in errors["b"].problems] == ["no face", "no sound"]
    assert isinstance(errors["d"], ValueError)
    assert "d is wrong" in str(errors["d"])
    assert "it broke" in str(errors["e"]), "an error that cannot pass between processes keeps its text"


@pytest.mark.parametrize("executor", ENGINES)
def test_an_item_has_one_thread(executor: Executor, tmp_path: Path) -> None:
    list(run(work, jobs(tmp_path / "out", a="threads", b="threads"), executor=executor))
    assert outputs(tmp_path / "out") == {"a": "1", "b": "1"}


def test_the_serial_engine_gives_the_threads_back(tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    list(run(work, jobs(tmp_path / "out", a="threads", b="plain"), executor=SERIAL))
    assert torch.get_num_threads() == before


def test_workers_spread_over_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_devices", lambda device: ("cuda:0", "cuda:1"))
    executor = Executor(engine="processes", device="auto")
    assert executor.count() == 2
    # Two items each, so that both workers are busy whichever of them starts first.
    given = jobs(tmp_path / "out", a="device", b="device", c="device", d="device")
    list(run(work, given, executor=executor))
    assert set(outputs(tmp_path / "out").values()) <= {"cuda:0", "cuda:1"}


def test_a_killed_worker_names_what_is_unfinished(tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", a="note", b="note", c="note", d="die")
    finished: list[str] = []
    with pytest.raises(WorkerDiedError) as caught:
        finished.extend(
            result.item.name for result in run(work, given, executor=PROCESSES, name=lambda job: f"trial {job.name}")
        )
    assert "trial d" in str(caught.value)
    assert not {f"trial {name}" for name in finished} & set(caught.value.unfinished)


def test_leaving_early_ends_the_children(tmp_path: Path) -> None:
    given = jobs(tmp_path / "out", quick="note", slow="sleep", never="sleep")
    started = time.monotonic()
    for result in run(work, given, executor=PROCESSES):
        assert result.item.name == "quick"
        break
    assert time.monotonic() - started < 30
    assert not [name for name in ("slow", "never") if _alive(tmp_path / "out" / name)]


def _alive(note: Path) -> bool:
    """Whether the process that wrote its id to `note` still runs."""
    if not note.is_file() or not note.read_text():
        return False
    try:
        os.kill(int(note.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [0, -1])
def test_a_senseless_number_of_workers_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 or 'auto', got {workers}"):
        Executor(workers=workers)


def test_auto_is_one_worker_for_each_core() -> None:
    assert Executor(device="cpu").count() == len(os.sched_getaffinity(0))
    assert Executor(device="cpu", workers=3).count() == 3


SCRIPT = """
    import signal
    import sys
    from pathlib import Path
    from pipeline.runtime.code import Code
    from pipeline.runtime.items import Item, ItemCache
    from pipeline.runtime.materialise import materialise
    from pipeline.runtime.executor import Executor
    from tests.runtime.work import write_name

    if __name__ == "__main__":
        # A shell that runs the tests in the background has them ignore Ctrl-C, and their children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        cache = ItemCache(Path(sys.argv[1]))
        code = Code.of("pipeline.runtime.items")
        items = [Item(name, 64 * mark, name, code) for mark, name in (("a", "done"), ("b", "sleep1"), ("c", "sleep2"))]
        materialise(items, write_name, cache=cache, executor=Executor(workers=2), label="work")
"""


Interrupted = tuple[subprocess.Popen[bytes], ItemCache, list[int]]
"""A running process, its cache, and the process ids of its workers."""


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[Interrupted]:
    """A run of three items in its own process group: one is finished, two workers sleep in the others."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    cache = ItemCache(tmp_path / "cache")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(cache.root)], env=environment, start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(pids := _worker_pids(cache)) < 2 or cache.keys() != ["a" * 64]:
        assert time.monotonic() < deadline, "the workers did not start"
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.05)
    yield process, cache, pids
    for pid in (process.pid, *pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


def _worker_pids(cache: ItemCache) -> list[int]:
    notes = (cache.root / "tmp").glob("*/files/pid")
    return [int(text) for note in notes if (text := note.read_text())]


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _wait_until_gone(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not all(map(_gone, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_ctrl_c_ends_the_children_and_keeps_finished_items(interrupted: Interrupted) -> None:
    process, cache, pids = interrupted
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode != 0
    assert stderr.decode().count("KeyboardInterrupt") == 1, "the children stay quiet"
    assert _wait_until_gone(pids, 1)
    assert cache.keys() == ["a" * 64]
    path = cache.get("a" * 64)
    assert path is not None
    assert (path / "name").read_text() == "done"


def test_workers_end_when_their_parent_is_killed(interrupted: Interrupted) -> None:
    process, cache, pids = interrupted
    process.kill()
    assert _wait_until_gone(pids, 10)
    assert cache.keys() == ["a" * 64]


def test_a_record_of_a_killed_run_is_whole(interrupted: Interrupted) -> None:
    process, cache, _ = interrupted
    process.kill()
    process.wait()
    record = json.loads(cache.record("a" * 64).read_text())
    assert list(record) == ["name"]


def test_a_worker_whose_parent_died_before_it_was_set_up_ends() -> None:
    """Its parent is gone while it still imports its libraries: it must not follow whoever adopted it."""
    code = (
        "import multiprocessing, os, time\n"
        "from pipeline.runtime.executor import start_worker\n"
        "queue = multiprocessing.Queue(); queue.put('cpu')\n"
        "start_worker(queue, os.getppid() + 1)\n"
        "time.sleep(60)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=50, check=False).returncode
        == 1
    )


@pytest.mark.parametrize("executor", ENGINES)
def test_a_full_disk_is_told_with_file_and_remedy(executor: Executor, tmp_path: Path) -> None:
    results = list(run(work, jobs(tmp_path / "out", a="full", b="note"), executor=executor))
    error = {result.item.name: result.error for result in results}["a"]
    assert isinstance(error, InputError)
    assert "a: No space left on device -> free some space" in str(error)
