import os
from pathlib import Path

import pytest

from benchmarks import rehearsal
from pipeline.clips.clip import read_clip
from pipeline.clips.manifest import read_manifest
from pipeline.training.frames import FrameTable
from pipeline.training.stored_frames import StoredFrames


def test_the_rehearsed_project_is_one_that_training_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = rehearsal.write_project(tmp_path, trials=6, frames=3000)
    assert list(costs) == [
        f"{what} {stream}{more}"
        for stream in ("ir50", "vggish")
        for what, more in (("check items of", ""), ("put", " together"))
    ]
    monkeypatch.chdir(tmp_path)
    rows = read_manifest(Path("data/clips/manifest.csv"))
    assert {row.partition for row in rows} == {"train", "validation", "test"}
    assert sum(row.frames for row in rows) == pytest.approx(3000, abs=1000)
    path = Path("data/clips") / f"{rows[0].trial}.h5"
    faces = read_clip(path).faces
    assert faces.shape == (rows[0].frames, 48, 48, 3)
    assert path.stat().st_blocks * 512 < faces.nbytes / 10, "pictures take no room"
    table = tmp_path / "table"
    table.mkdir()
    StoredFrames.of(("ir50", "vggish"), [row.trial for row in rows]).save(table)
    assert FrameTable.open(table).streams["visual"].shape == (sum(row.frames for row in rows), 512)


def test_the_memory_of_a_process_is_counted() -> None:
    block = bytearray(os.urandom(1) * 50 * 2**20)
    assert len(block) < rehearsal._own_memory(os.getpid()) < 2**36
    assert rehearsal._own_memory(2**22 + 1) == 0
