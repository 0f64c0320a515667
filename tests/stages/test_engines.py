"""A whole project, from videos to predictions, on worker processes and on a Ray cluster of two nodes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from pipeline.readers.index import build_index, write_index
from tests.corpus_factory import SERIAL, memory_in
from tests.miniatures import DELAYS, write_recola

ROOT = Path(__file__).parents[2]
STAGES = ("clips", "folds", "extract ir50", "extract vggish", "train grjca", "evaluate grjca", "finetune grjca")
PARAMS: Mapping[str, Any] = {
    "corpus": {"kind": "recola", "root": "corpus", "index": "index.csv", "label_delay": DELAYS},
    "folds": {"scheme": "subject", "count": 2},
    "backbones": {"ir50": {"weights": "random", "batch": 8}, "vggish": {"weights": "random", "batch": 8}},
    "models": {
        "grjca": {
            "fusion": "gated_joint_cross_attention",
            "streams": ["ir50", "vggish"],
            "temporal": "tcn",
            "encoders": {"visual": {"channels": [8]}, "audio": {"channels": [8]}},
        }
    },
    "training": {"window": 8, "hop": 8, "batch": 4, "warm_up_epochs": 0, "epochs": 2},
    "evaluate": {"top_folds": 1},
    "finetune": {"warm_up_epochs": 0, "models": {"grjca": {"epochs": 1, "windows": 1}}},
}


def results(folder: Path) -> dict[str, bytes]:
    """Return every file of a project but the corpus, the cache and the parameters."""
    own = ("corpus", "cache", "index.csv", "params.yaml")
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {path.as_posix(): (folder / path).read_bytes() for path in files if path.parts[0] not in own}


def run_stages(folder: Path, engine: str, **variables: str) -> dict[str, bytes]:
    """Run all stages as `dvc repro` does, each in a process of its own."""
    folder.mkdir()
    config = write_recola(folder / "corpus")
    write_index(folder / "index.csv", build_index(config, memory=memory_in(folder / "cache"), executor=SERIAL))
    compute = {"engine": engine, "workers": 2, "device": "cpu"}
    (folder / "params.yaml").write_text(json.dumps({**PARAMS, "compute": compute}))
    environment = {**os.environ, "AFFECTFLOW_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT), **variables}
    for stage in STAGES:
        command = [sys.executable, "-m", *f"stages.{stage}".split()]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{engine}, {stage}: {done.stderr}"
    return results(folder)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_cluster_of_two_nodes_gives_the_bytes_of_worker_processes(tmp_path: Path) -> None:
    processes = run_stages(tmp_path / "processes", "processes")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        clustered = run_stages(tmp_path / "ray", "ray", RAY_ADDRESS=cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
    assert {name for name in processes if name.startswith("models/")} >= {
        "models/grjca/fold0.safetensors",
        "models/grjca/fold1.safetensors",
        "models/grjca-finetuned/fold0.safetensors",
    }
    assert processes.keys() == clustered.keys()
    assert [name for name, content in processes.items() if clustered[name] != content] == []
