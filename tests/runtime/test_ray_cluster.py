"""A real cluster of two nodes, each with a raylet of its own, on this machine."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.runtime.code import Code
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import materialise
from tests.runtime.test_executor import jobs, outputs
from tests.runtime.work import work, write_node

pytestmark = pytest.mark.slow
RAY = Executor(engine="ray", device="cpu")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and a second node with one CPU each, which RAY_ADDRESS names."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


def node_items(folder: Path, count: int) -> list[Item]:
    """Items that each note in a folder of their own where they start."""
    code = Code.of("pipeline.runtime.files")
    items = []
    for number in range(count):
        payload = folder / f"item{number}"
        payload.mkdir(parents=True)
        key = item_key(kind="node", number=number, code=code)
        items.append(Item(f"item{number}", key, payload, code))
    return items


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "the items have not started"
        time.sleep(0.05)


def started(items: list[Item]) -> set[str]:
    """Return the nodes on which an item was started."""
    return {path.name.partition("-")[0] for item in items for path in item.payload.glob("*-*")}


def alive(process: str) -> bool:
    """Say whether a process is there, and not only its entry."""
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def let_go(items: list[Item]) -> None:
    for item in items:
        (item.payload / "go").touch()


def test_items_run_on_both_nodes_of_a_cluster_that_outlives_the_run(cluster: Any, tmp_path: Path) -> None:
    items = node_items(tmp_path / "notes", 2)

    def release() -> None:
        wait_for(lambda: len(started(items)) == 2)
        let_go(items)

    helper = Thread(target=release)
    helper.start()
    done = materialise(items, write_node, cache=ItemCache(tmp_path / "cache"), executor=RAY, label="nodes")
    helper.join()
    assert {(path / "node").read_text() for path in done.paths.values()} == started(items)
    assert len(started(items)) == 2
    given = jobs(tmp_path / "out", a="note", b="threads")
    assert all(result.error is None for result in run(work, given, executor=RAY))
    assert outputs(tmp_path / "out") == {"a": "a", "b": "1"}


def test_what_a_killed_node_computed_is_computed_on_another(cluster: Any, tmp_path: Path) -> None:
    """Four items on two nodes; the second node is killed while it works on one of them."""
    items = node_items(tmp_path / "notes", 4)
    second = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)

    def kill() -> None:
        wait_for(lambda: len(started(items)) == 2)
        workers = [path.name.rpartition("-")[2] for item in items for path in item.payload.glob(f"{second.node_id}-*")]
        assert len(workers) == 1
        cluster.remove_node(second, allow_graceful=False)
        # A worker outlives its raylet for a moment, in which it could still end its item.
        wait_for(lambda: not alive(workers[0]))
        let_go(items)

    helper = Thread(target=kill)
    helper.start()
    cache = ItemCache(tmp_path / "cache")
    done = materialise(items, write_node, cache=cache, executor=RAY, label="nodes")
    helper.join()
    attempts = [len(list(item.payload.glob("*-*"))) for item in items]
    assert sorted(attempts) == [1, 1, 1, 2], "the item of the killed node, and it alone, was started again"
    (survivor,) = {(path / "node").read_text() for path in done.paths.values()}
    assert survivor == cluster.head_node.node_id
    assert sorted(done.paths) == sorted(item.name for item in items)
    assert cache.keys() == sorted(item.key for item in items)
