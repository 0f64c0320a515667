"""What the executor's tests run in worker processes: importable, and quick to import."""

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.runtime.errors import InputError, Problem


@dataclass(frozen=True)
class Job:
    name: str
    folder: Path
    what: str = "note"

    @property
    def output(self) -> Path:
        return self.folder / self.name


class OddError(Exception):
    """An error that cannot pass between processes: it is rebuilt from its text alone, and wants more."""

    def __init__(self, first: str, *, second: str) -> None:
        super().__init__(f"{first} {second}")


def work(job: Job) -> None:
    if job.what == "device":
        from pipeline.runtime.device import current_device

        job.output.write_text(str(current_device()))
    elif job.what == "threads":
        import torch

        job.output.write_text(str(torch.get_num_threads()))
    elif job.what == "portable":
        import torch

        from pipeline.runtime.numerics import require_portable

        require_portable()
        job.output.write_text(torch.backends.cpu.get_cpu_capability())
    elif job.what == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), job.output.name)
    elif job.what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif job.what == "input":
        raise InputError("unusable", [Problem("no face", trial=job.name), Problem("no sound", trial=job.name)])
    elif job.what == "odd":
        raise OddError("it", second="broke")
    elif job.what == "plain":
        raise ValueError(f"{job.name} is wrong")
    elif job.what == "sleep":
        job.output.write_text(str(os.getpid()))
        time.sleep(60)
    else:
        job.output.write_text(job.name)


def node_of_ray() -> str:
    """Return the id of the node of a Ray cluster that runs this."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def write_node(payload: Path, directory: Path) -> None:
    """An item function: notes the node that it starts on in the folder `payload`, and ends once the test says so."""
    (directory / "half").write_text("done")
    (payload / f"{node_of_ray()}-{os.getpid()}").touch()
    while not (payload / "go").exists():
        time.sleep(0.05)
    (directory / "node").write_text(node_of_ray())


def write_name(payload: str, directory: Path) -> None:
    """An item function: sleeps for ever if told so."""
    (directory / "name").write_text(payload)
    if payload.startswith("sleep"):
        (directory / "pid").write_text(str(os.getpid()))
        time.sleep(60)
