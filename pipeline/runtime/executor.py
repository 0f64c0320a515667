"""The executor: one function over many items, on whatever machine there is.

What comes out never depends on the engine, on the number of workers or on the order of completion: every item runs
with one thread of its own.
"""

import logging
import multiprocessing
import os
import pickle  # nosec B403 # of our own bytes alone
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar

from pipeline.runtime.config import ComputeConfig
from pipeline.runtime.device import available_devices, computes_bfloat16, set_device, use_device
from pipeline.runtime.errors import AffectflowError, disk_error
from pipeline.runtime.numerics import PORTABLE, THREADS

logger = logging.getLogger(__name__)

Engine = Literal["serial", "processes", "ray"]
Arithmetic = Literal["portable", "native", "cuda"]
T = TypeVar("T")


@dataclass(frozen=True)
class Executor:
    """On what to run.

    Parameters
    ----------
    engine : ``"serial"`` in this process, ``"processes"`` side by side on this machine, ``"ray"`` on a Ray cluster
    workers : how many at a time; ``"auto"`` is one per GPU, or one per core where there is none
    device : ``"auto"`` (the GPUs where there are any), ``"cpu"`` or ``"cuda"``
    numerics : ``"portable"`` or ``"native"``, see `pipeline.runtime.numerics`
    """

    engine: Engine = "processes"
    workers: Literal["auto"] | int = "auto"
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    numerics: Literal["portable", "native"] = "native"

    def __post_init__(self) -> None:
        if self.workers != "auto" and self.workers < 1:
            raise ValueError(f"workers must be at least 1 or 'auto', got {self.workers}")

    @classmethod
    def from_config(cls, compute: ComputeConfig, *, device: bool = False) -> "Executor":
        """Return the executor of the section `compute`; `device` says whether the work can use a GPU."""
        return cls(
            engine=compute.engine,
            workers=compute.workers,
            device=compute.device if device else "cpu",
            numerics=compute.numerics,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a worker's numeric libraries are loaded with."""
        return {**THREADS, **(PORTABLE if self.numerics == "portable" else {})}

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """What reaches the last bits of a result besides code and values; it belongs to an item's key.

        ``"portable"`` or ``"native"`` on a CPU; ``"cuda"`` on a GPU, which computes natively in any case.
        """
        if self.engine == "ray" and self.device != "cpu":
            gpu = bool(self._cluster.gpu)
        else:
            gpu = available_devices(self.device)[0] != "cpu"
        if gpu and self.numerics == "portable":
            logger.info("a GPU computes natively: compute.numerics 'portable' holds for a CPU alone")
        return "cuda" if gpu else self.numerics

    @cached_property
    def computes_bfloat16(self) -> bool:
        """Whether every device that may get an item has instructions for bfloat16."""
        if self.engine == "ray":
            return bool(self._cluster.bfloat16)
        return all(computes_bfloat16(device) for device in available_devices(self.device))

    @cached_property
    def _cluster(self) -> Any:
        """What the Ray cluster can do; asked once, since an embedded one is started for the question."""
        return import_module("pipeline.runtime.ray_engine").ask_cluster(self)

    def count(self) -> int:
        """Return how many items run at a time."""
        if self.workers != "auto":
            return self.workers
        devices = available_devices(self.device)
        return len(devices) if devices[0] != "cpu" else len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Result(Generic[T]):
    """A finished item; `error` is what the function raised, or None."""

    item: T
    error: BaseException | None


class WorkerDiedError(AffectflowError):
    """A worker process was killed; `unfinished` names the items that have no result."""

    def __init__(self, unfinished: Sequence[str]) -> None:
        self.unfinished = tuple(unfinished)
        super().__init__(
            f"a worker process died (killed, or out of memory); unfinished: {', '.join(unfinished)} "
            "-> run again: finished items are kept; fewer compute.workers need less memory"
        )


def run(
    function: Callable[[T], None], items: Sequence[T], *, executor: Executor, name: Callable[[T], str] = str
) -> Iterator[Result[T]]:
    """Call ``function(item)`` for each item and yield results as they finish.

    An item that raises does not stop the others. Leaving the loop early, or Ctrl-C, ends the children.

    Raises
    ------
    AffectflowError
        A worker process died (killed, out of memory); the message names the items that are not finished.
    """
    if executor.engine == "ray":
        yield from import_module("pipeline.runtime.ray_engine").run(function, items, executor=executor)
    elif executor.engine == "serial" or executor.count() == 1 or len(items) == 1:
        yield from _run_serial(function, items, executor=executor)
    elif items:
        yield from _run_processes(function, items, executor=executor, name=name)


def _run_serial(function: Callable[[T], None], items: Sequence[T], *, executor: Executor) -> Iterator[Result[T]]:
    for item in items:
        with one_thread(), use_device(available_devices(executor.device)[0]):
            error = attempt(function, item)
        yield Result(item, error)


def _run_processes(
    function: Callable[[T], None], items: Sequence[T], *, executor: Executor, name: Callable[[T], str]
) -> Iterator[Result[T]]:
    context = multiprocessing.get_context("spawn")
    count = min(executor.count(), len(items))
    devices = available_devices(executor.device)
    queue = context.Queue()
    for worker in range(count):
        queue.put(devices[worker % len(devices)])
    with _environment(executor.environment):
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=start_worker, initargs=(queue, os.getpid()))
        futures: dict[Future[BaseException | None], T] = {pool.submit(attempt, function, item): item for item in items}
        unfinished = dict(futures)
        try:
            for future in as_completed(futures):
                error = future.result()
                yield Result(unfinished.pop(future), error)
        except BrokenProcessPool as error:
            raise WorkerDiedError([name(item) for item in unfinished.values()]) from error
        finally:
            if unfinished:
                for process in list((pool._processes or {}).values()):
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def start_worker(queue: "multiprocessing.Queue[str]", parent: int) -> None:
    """Set up a worker process: its device, quiet on Ctrl-C (the parent ends it), gone when the parent is.

    `parent` is the process that asked for it: it may have died while this one was importing its libraries.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    set_device(queue.get())


def _follow_parent(parent: int) -> None:
    """End this process once its parent is gone: a killed run leaves no worker behind to wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def attempt(function: Callable[[T], None], item: T) -> BaseException | None:
    """Call the function and return what it raised, with its traceback in the log unless it is meant for the user."""
    try:
        function(item)
    except AffectflowError as error:
        return _portable(error)
    except Exception as error:
        if (told := disk_error(error)) is not None:
            return told
        logger.exception("an item failed")
        return _portable(error)
    return None


def _portable(error: BaseException) -> BaseException:
    """Return the error, or its text where it cannot pass between processes: that would end the whole pool."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # nosec B301 # our own bytes of a moment ago
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def one_thread() -> Iterator[None]:
    """Give the serial engine the same single thread that a worker process has."""
    torch = sys.modules.get("torch") or import_module("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
