"""Runs one stage in a process forked from a server that has imported everything, disturbed or not.

A moment is a number of file operations, not of seconds: the operating system may schedule as it likes, the disturbed
run is the same. Python reports these operations to audit hooks, which may end the process or refuse the operation.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipeline.runtime import executor
from pipeline.runtime.stage import run_stage
from tests.finetuning.factory import narrow_backbones

STAGES = {name: import_module(f"stages.{name}") for name in ("clips", "ensemble", "evaluate", "extract", "finetune")}
STAGES |= {name: import_module(f"stages.{name}") for name in ("folds", "report", "train")}
WRITES = {"os.link", "os.mkdir", "os.rename"}
OPERATIONS = {*WRITES, "open", "os.remove", "os.rmdir"}

start_undisturbed = executor.start_worker
NARROW = narrow_backbones()
"""What a worker enters for good; let go of, it would end."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Parameters
    ----------
    below : folder whose files' operations count
    at : the operation at which it happens, from 1; 0 is never
    signal : which the process sends to itself
    error : number of the system's error of this and all later operations that write
    in_worker : in each worker process instead of the stage's own
    of_parent : the signal goes to the process that started this one
    largest_file : bytes beyond which no file can grow, as under a quota
    unprivileged : permissions count even where root runs the tests
    """

    below: str = ""
    at: int = 0
    signal: int = 0
    error: int = 0
    in_worker: bool = False
    of_parent: bool = False
    largest_file: int = 0
    unprivileged: bool = False


class Disturbance:
    """An audit hook that counts file operations, and lets a fault happen."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in OPERATIONS or not self._below(arguments[0]):
            return
        self.count += 1
        if not self.fault.at or self.count < self.fault.at:
            return
        if self.fault.signal:
            os.kill(os.getppid() if self.fault.of_parent else os.getpid(), self.fault.signal)
        elif self.fault.error and (event in WRITES or (event == "open" and _writes(arguments[2]))):
            raise OSError(self.fault.error, os.strerror(self.fault.error), os.fspath(arguments[0]))

    def _below(self, path: object) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        return os.path.abspath(os.fspath(path)).startswith(self.fault.below + os.sep)  # noqa: PTH100 - in every open


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def run_disturbed(root: Path, cache: Path, command: tuple[str, ...], printed: Path, fault: Fault) -> None:
    """Run a stage; `printed` gets what it prints, and the number of its file operations a file beside it."""
    with printed.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(root)
    os.environ["AFFECTFLOW_CACHE"] = str(cache)
    sys.argv = list(command)
    disturbance = Disturbance(Fault(below=fault.below) if fault.in_worker else fault)
    with narrow_backbones(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "start_worker", partial(start_disturbed, fault))
        if fault.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.largest_file, fault.largest_file))
        if fault.unprivileged:
            drop_privileges()
        sys.addaudithook(disturbance)
        main: Callable[[], None] = STAGES[command[0]].main
        run_stage(main)
    printed.with_suffix(".count").write_text(str(disturbance.count))


def start_disturbed(fault: Fault, *arguments: Any) -> None:
    """Set up a worker as the executor does, with the same small networks and its share of the fault."""
    start_undisturbed(*arguments)
    NARROW.__enter__()
    if fault.in_worker:
        sys.addaudithook(Disturbance(fault))


def drop_privileges() -> None:
    """Give up root's right to ignore permissions, if this process has it."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    ignored = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets) or libc.capset(header, (ctypes.c_uint32 * 6)(sets[0] & ~ignored, *sets[1:])):
        raise OSError(ctypes.get_errno(), "capset")
