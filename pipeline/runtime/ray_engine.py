"""The `ray` engine: items on a Ray cluster, or on an embedded one on this machine.

``RAY_ADDRESS`` names a cluster; without it Ray is started for the run and ended after it. The machines of a cluster
must see the repository and the item cache (`AFFECTFLOW_CACHE`) under the same paths, on a shared file system: an item
reads and writes files there, and only names travel.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from pipeline.runtime.device import computes_bfloat16, use_device
from pipeline.runtime.errors import AffectflowError
from pipeline.runtime.executor import Executor, Result, attempt, one_thread
from pipeline.runtime.numerics import require_portable

T = TypeVar("T")

RETRIES = 3
"""How often an item is tried again whose worker or machine died; one that raises is not."""


def run(function: Callable[[T], None], items: Sequence[T], *, executor: Executor) -> Iterator[Result[T]]:
    """Call ``function(item)`` for each item on the cluster and yield results as they finish.

    An item whose worker or machine dies is tried again, `RETRIES` times, wherever there is room; then it is an error of
    that item alone. What a dead worker left behind is no item: those appear whole, in one rename.

    Raises
    ------
    AffectflowError
        Ray is not installed, or `executor.device` is ``"cuda"`` and the cluster has no GPU.
    """
    if not items:
        return
    ray = _import_ray()
    with _cluster(ray, executor):
        device = _device(ray, executor)
        task = ray.remote(_run_item).options(num_cpus=1, num_gpus=float(device != "cpu"), max_retries=RETRIES)
        waiting = list(reversed(items))
        running: dict[Any, T] = {}
        limit = len(items) if executor.workers == "auto" else executor.workers
        place = str(Path.cwd())
        try:
            while waiting or running:
                while waiting and len(running) < limit:
                    item = waiting.pop()
                    running[task.remote(function, item, place, device, executor.numerics)] = item
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    yield Result(running[reference], _outcome(ray, reference))
                    del running[reference]
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


@dataclass(frozen=True)
class Abilities:
    """What a cluster can do: compute on GPUs, and in bfloat16 on every machine that may get an item."""

    gpu: bool
    bfloat16: bool


def ask_cluster(executor: Executor) -> Abilities:
    """Ask a cluster what it can do.

    Raises
    ------
    AffectflowError
        as `run`
    """
    ray = _import_ray()
    with _cluster(ray, executor):
        device = _device(ray, executor)
        gpu = device != "cpu"
        affinity = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        ask = ray.remote(computes_bfloat16)
        alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU" if gpu else "CPU")]
        needs = {"num_cpus": 0, "num_gpus": float(gpu)}
        places = [{**needs, "scheduling_strategy": affinity(node["NodeID"], soft=False)} for node in alive]
        answers = ray.get([ask.options(**place).remote(device) for place in places])
        return Abilities(gpu, bfloat16=all(answers))


def _run_item(function: Callable[[T], None], item: T, place: str, device: str, numerics: str) -> BaseException | None:
    """Run one item in a worker, in the folder that relative paths are meant from."""
    os.chdir(place)
    if numerics == "portable" and device == "cpu":
        try:
            require_portable()
        except AffectflowError as error:
            return error
    with one_thread(), use_device(device):
        return attempt(function, item)


def _outcome(ray: Any, reference: Any) -> BaseException | None:
    try:
        error: BaseException | None = ray.get(reference)
    except ray.exceptions.RayError as death:
        return AffectflowError(f"its worker died: {death}")
    return error


def _import_ray() -> Any:
    # Each item runs under the interpreter of this environment; usage reports are no part of a result.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return import_module("ray")
    except ModuleNotFoundError as error:
        raise AffectflowError(
            "compute.engine is 'ray', but Ray is not installed -> "
            "pip install -e '.[ray]' in the clone, or use 'processes'"
        ) from error


@contextmanager
def _cluster(ray: Any, executor: Executor) -> Iterator[None]:
    """Connect to the cluster, unless the caller has, and leave it again."""
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS", "local")
    path = os.pathsep.join(part for part in (str(Path.cwd()), os.environ.get("PYTHONPATH", "")) if part)
    variables = {name: os.environ[name] for name in ("AFFECTFLOW_CACHE", "AFFECTFLOW_LOG") if name in os.environ}
    options: dict[str, Any] = {} if address != "local" else {"num_cpus": executor.count(), "include_dashboard": False}
    ray.init(
        address=address,
        runtime_env={"env_vars": {**executor.environment, **variables, "PYTHONPATH": path}},
        logging_level="WARNING",
        **options,
    )
    try:
        yield
    finally:
        ray.shutdown()


def _device(ray: Any, executor: Executor) -> str:
    """Return the device of every task: Ray shows each one the GPU it was given as the first."""
    gpus = ray.cluster_resources().get("GPU", 0) if executor.device != "cpu" else 0
    if executor.device == "cuda" and not gpus:
        raise AffectflowError("compute.device is 'cuda', but the Ray cluster has no GPU; use 'auto' or 'cpu'")
    return "cuda:0" if gpus else "cpu"
