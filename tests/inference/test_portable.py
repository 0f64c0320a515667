"""Portable numerics through real processes: stages, `affectflow pack`, and `affectflow predict` in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.project import PARAMS, TEST, write_project

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_packed_model_gives_the_bytes_of_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, empty = tmp_path / "repository", tmp_path / "empty"
    repository.mkdir()
    empty.mkdir()
    monkeypatch.chdir(repository)
    environment = {**os.environ, "AFFECTFLOW_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    monkeypatch.setenv("AFFECTFLOW_CACHE", environment["AFFECTFLOW_CACHE"])
    write_project(repository)
    (repository / "params.yaml").write_text(PARAMS.replace("device: cpu}", "device: cpu, numerics: portable}"))

    def run(folder: Path, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    for stage in (["clips"], ["folds"], ["extract", "ir50"], ["extract", "vggish"], ["train", "grjca"]):
        run(repository, f"stages.{stage[0]}", *stage[1:])
    run(repository, "stages.evaluate", "grjca")
    run(repository, "pipeline.cli.app", "pack", "grjca", "-o", str(empty / "grjca.affectflow"))
    video = (repository / "corpus" / "video" / f"{TEST}.mp4").rename(empty / "talk.mp4")
    repository.rename(tmp_path / "gone")
    run(empty, "pipeline.cli.app", "predict", video.name, "--model", "grjca.affectflow", "--device", "cpu")
    lines = (empty / "predicted" / "talk.csv").read_text().splitlines()
    text = (tmp_path / "gone" / "predictions" / "grjca" / f"{TEST}.txt").read_text().splitlines()
    assert [",".join(line.split(",")[:2]) for line in lines] == text
    assert len(set(text)) > 10
