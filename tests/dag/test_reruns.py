"""Which stages DVC would run after an edit to one file of a room: the real dvc.yaml, with commands that only write."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from tests.dag.scratch import PARAMS, ROOT, TRACKED

WRITE = """
import sys
from pathlib import Path

for name in sys.argv[1:]:
    path = Path(name)
    if path.suffix in ("", ".zarr"):
        path.mkdir(parents=True)
        path = path / "manifest.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
"""
SAMPLE = "data/sample/sample.txt"
BACKBONES = ("i3d", "ir50", "vggish")
MODELS = {
    "visual": {"fusion": "unimodal", "streams": ["ir50", "ir50"], "temporal": "tcn"},
    "video": {"fusion": "unimodal", "streams": ["i3d", "i3d"], "temporal": "identity"},
    "concatenation": {"fusion": "concatenation", "streams": ["ir50", "vggish"], "temporal": "tcn"},
    "grjca": {"fusion": "gated_joint_cross_attention", "streams": ["ir50", "vggish"], "temporal": "tcn"},
}
TRAINED = set(MODELS)
FINETUNED = {"grjca"}


def of(kind: str, *names: str) -> set[str]:
    return {f"{kind}@{name}" for name in names}


MODELLED = of("train", *TRAINED) | of("evaluate", *TRAINED) | of("finetune", *FINETUNED)
EXTRACTED = of("extract", *BACKBONES)
EDITS: dict[str, set[str]] = {
    # one fusion system -> its own models; fine-tuning cannot name its system in a template and depends on them all
    "pipeline/fusion/concatenation.py": of("train", "concatenation")
    | of("evaluate", "concatenation")
    | {"finetune@grjca"},
    "pipeline/fusion/gated_joint_cross_attention.py": of("train", "grjca")
    | of("evaluate", "grjca")
    | {"finetune@grjca"},
    "pipeline/fusion/cross_attention.py": {"finetune@grjca"},
    "pipeline/temporal/identity.py": of("train", "video") | of("evaluate", "video") | {"finetune@grjca"},
    # one backbone -> its own extraction, and fine-tuning where it is one of those that can be fine-tuned
    "pipeline/backbones/i3d/network.py": of("extract", "i3d"),
    "pipeline/backbones/ir50/network.py": of("extract", "ir50") | {"finetune@grjca"},
    "pipeline/backbones/vggish/network.py": of("extract", "vggish") | {"finetune@grjca"},
    "pipeline/backbones/resnet50/network.py": set(),
    # what is shared -> all that use it
    "pipeline/fusion/blocks/head.py": MODELLED,
    "pipeline/backbones/common/weights.py": EXTRACTED | {"finetune@grjca"},
    "pipeline/models/windows.py": MODELLED,
    "pipeline/features/store.py": EXTRACTED | of("train", *TRAINED) | of("evaluate", *TRAINED) | {"report"},
    "pipeline/training/loss.py": of("train", *TRAINED) | {"finetune@grjca"},
    "pipeline/training/config.py": of("train", *TRAINED) | {"finetune@grjca", "report"},
    "pipeline/finetuning/release.py": {"finetune@grjca"},
    "pipeline/evaluation/metrics.py": MODELLED | {"ensemble@both", "report"},
    "pipeline/evaluation/submission.py": of("evaluate", *TRAINED) | {"finetune@grjca", "ensemble@both", "report"},
    "pipeline/ingest/placement.py": {"clips"},
    "pipeline/media/video.py": {"clips", "data/demo/dvc.yaml:demo"},
    "pipeline/corpora/labels.py": {"clips", "data/demo/dvc.yaml:demo"},
    "pipeline/readers/affwild2.py": {"data/demo/dvc.yaml:demo"},
    "pipeline/demo/voice.py": {"data/demo/dvc.yaml:demo"},
    "pipeline/report/page.py": {"report"},
    "pipeline/cli/app.py": set(),
    "pipeline/inference/predictor.py": set(),
    "pipeline/show/server.py": set(),
    "pipeline/checks.py": set(),
    "stages/train.py": of("train", *TRAINED),
    # a challenge's sample submission -> all that write one
    SAMPLE: of("evaluate", *TRAINED) | {"finetune@grjca", "ensemble@both"},
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the real dvc.yaml and code, after one run of commands that write every out and no more."""
    root = tmp_path_factory.mktemp("reruns")
    for name in TRACKED:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    (root / "write.py").write_text(WRITE)
    (root / "data" / "demo" / "params.yaml").write_text("demo: {seed: 7}\n")
    # Outside the repository, and reached by a link.
    sample = tmp_path_factory.mktemp("challenge") / "sample.txt"
    sample.write_text("image_location,valence,arousal\n")
    (root / SAMPLE).symlink_to(sample)
    params = PARAMS | {
        "corpus": {**PARAMS["corpus"], "sample": SAMPLE},
        "backbones": {name: {"weights": "random"} for name in BACKBONES},
        "models": MODELS,
        "finetune": {"models": {name: {} for name in FINETUNED}},
        "ensembles": {"both": {"models": ["visual", "grjca"]}},
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for file in ("dvc.yaml", "data/demo/dvc.yaml"):
        dag = yaml.safe_load((root / file).read_text())
        for stage in dag["stages"].values():
            body = stage.get("do", stage)
            body["cmd"] = f"{sys.executable} write.py {' '.join(results(body))}"
        (root / file).write_text(yaml.safe_dump(dag, sort_keys=False))
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    run = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=root, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return root


def results(body: dict[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        for out in body.get(kind, ()):
            yield from out if isinstance(out, dict) else (out,)


def would_run(root: Path) -> set[str]:
    """Return the stages of which DVC finds something changed."""
    with contextlib.chdir(root), Repo() as repo:  # names are relative to the working directory
        return set(repo.status())


def test_nothing_would_run_after_a_run(repository: Path) -> None:
    assert would_run(repository) == set()


@pytest.mark.parametrize("file", EDITS)
def test_an_edit_reruns_what_depends_on_the_file_and_nothing_else(repository: Path, file: str) -> None:
    path = repository / file
    before = path.read_text()
    path.write_text(f"{before}\n# edited\n")
    try:
        assert would_run(repository) == EDITS[file]
    finally:
        path.write_text(before)


def test_every_room_is_in_the_table() -> None:
    folders = {path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")}
    assert folders <= {file.split("/")[1] for file in EDITS} | {"clips", "runtime"}
