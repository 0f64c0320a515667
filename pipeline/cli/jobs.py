"""Independent stages of the DAG side by side, each a `dvc repro --single-item` in a process of its own."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from pipeline.runtime.errors import AffectflowError

NODE, EDGE = re.compile(r'"([^"]+)";'), re.compile(r'"([^"]+)"\s*->\s*"([^"]+)";')

BUSY = "Unable to acquire lock"
"""What DVC says where another of its processes held the repository's lock for longer than it waits."""

ATTEMPTS, PAUSE = 20, 1.0
"""How often a stage that found the repository locked is begun, and seconds in between."""

Graph = Mapping[str, frozenset[str]]
"""The stages that each stage needs."""


def run_side_by_side(targets: Sequence[str], flags: Sequence[str], *, jobs: int, environment: Mapping[str, str]) -> int:
    """Run the stages of the DAG, or those that `targets` need; return the exit code.

    Parameters
    ----------
    targets : names of stages; all if empty
    flags : options of `dvc repro` for each stage
    jobs : stages at a time
    environment : of DVC's processes
    """
    graph = read_graph(targets, environment)
    printing = threading.Lock()

    def say(stage: str, line: str) -> None:
        with printing:
            print(f"{stage} | {line}", flush=True)

    def reproduce(stage: str) -> bool:
        command = [sys.executable, "-m", "dvc", "repro", "--single-item", *flags, stage]
        return run_stage(stage, command, environment=environment, say=say)

    failed, left_out = run_graph(graph, reproduce, jobs=jobs)
    done = len(graph) - len(failed) - len(left_out)
    print(f"{done} of {len(graph)} stages are done")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if left_out:
        print(f"not run, for they need one that failed: {', '.join(left_out)}", file=sys.stderr)
    return 1 if failed else 0


def read_graph(targets: Sequence[str], environment: Mapping[str, str]) -> Graph:
    """Return the stages that `targets` need, or all, from `dvc dag`.

    Raises
    ------
    AffectflowError
        DVC fails, with its message.
    """
    found: dict[str, frozenset[str]] = {}
    for target in targets or [""]:
        command = [sys.executable, "-m", "dvc", "dag", "--dot", *([target] if target else [])]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(environment), check=False)
        if done.returncode:
            raise AffectflowError(f"`dvc dag` failed:\n{done.stderr.strip() or done.stdout.strip()}")
        for stage, needed in parse_graph(done.stdout).items():
            found[stage] = found.get(stage, frozenset()) | needed
    return found


def parse_graph(dot: str) -> Graph:
    """Read the nodes and edges of `dvc dag --dot`: an edge leads from a stage to one that needs it."""
    edges = EDGE.findall(dot)
    names = set(NODE.findall(dot)) | {name for edge in edges for name in edge}
    return {name: frozenset(source for source, stage in edges if stage == name) for name in sorted(names)}


def stages_before(graph: Graph, stage: str) -> set[str]:
    """Return every stage that a stage needs, directly or through others."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        for needed in graph.get(waiting.pop(), frozenset()) - found:
            found.add(needed)
            waiting.append(needed)
    return found


def run_graph(graph: Graph, reproduce: Callable[[str], bool], *, jobs: int) -> tuple[list[str], list[str]]:
    """Call `reproduce` for each stage once those that it needs are done.

    Parameters
    ----------
    graph : the stages that each needs
    reproduce : runs one stage and says whether it succeeded; called from several threads
    jobs : stages at a time

    Returns
    -------
    The stages that failed, and those that were not begun since they need one of them; both sorted
    """
    order = TopologicalSorter(graph)
    order.prepare()
    failed: set[str] = set()
    left_out: set[str] = set()
    running: dict[Future[bool], str] = {}
    pool = ThreadPoolExecutor(jobs)
    try:
        while order.is_active():
            for stage in sorted(order.get_ready()):
                if graph[stage] & (failed | left_out):
                    left_out.add(stage)
                    order.done(stage)
                else:
                    running[pool.submit(reproduce, stage)] = stage
            if not running:
                continue
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                stage = running.pop(future)
                if not future.result():
                    failed.add(stage)
                order.done(stage)
    finally:
        # After Ctrl-C, which the stages that run get as well, no further one begins.
        pool.shutdown(cancel_futures=True)
    return sorted(failed), sorted(left_out)


def run_stage(
    stage: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    say: Callable[[str, str], None],
    attempts: int = ATTEMPTS,
    pause: float = PAUSE,
) -> bool:
    """Run one stage's command and hand on its lines; begin again where DVC's lock was held by another stage.

    Parameters
    ----------
    say : takes the stage and a line
    attempts, pause : how often the command is begun, and seconds in between
    """
    for attempt in range(1, attempts + 1):
        lines: list[str] = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(environment)
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line.strip() and BUSY not in line:
                    say(stage, line.rstrip())
        if process.returncode == 0:
            return True
        if not any(BUSY in line for line in lines):
            return False
        if attempt < attempts:
            time.sleep(pause)
    say(
        stage,
        "error: another DVC process holds the repository's lock -> end it, or remove .dvc/tmp/lock and run again",
    )
    return False
