"""Results, item cache and DVC's cache share their files; damage in one is found and mended in all."""

from pathlib import Path

import pytest

from tests.dag.scratch import Scratch

pytestmark = pytest.mark.slow

LARGE = ("data/clips", "data/features", "models")


def on_disk(*folders: Path) -> int:
    """Return the bytes of all files below some folders, each file once however many names it has, as `du` does."""
    files = {(status.st_dev, status.st_ino): status.st_size for status in map(Path.stat, files_of(*folders))}
    return sum(files.values())


def files_of(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_large_results_lie_on_disk_once(built: Scratch) -> None:
    results = [built.root / place for place in LARGE]
    assert on_disk(*results) == sum(path.stat().st_size for path in files_of(*results))
    outside = {(path.stat().st_dev, path.stat().st_ino) for path in files_of(built.cache / "items")}
    objects = {(path.stat().st_dev, path.stat().st_ino) for path in files_of(built.root / ".dvc/cache/files")}
    kept = [path for path in files_of(*results) if path.suffix in {".h5", ".zip", ".safetensors"}]
    assert len(kept) > 3 * 7
    for path in kept:
        identity = (path.stat().st_dev, path.stat().st_ino)
        assert identity in objects, path
        assert identity in outside, path
    # What the caches hold beside the results: records, checkpoints, predictions per trial, the demo's corpus.
    assert on_disk(*results, built.cache / "items") < 1.5 * on_disk(*results)


def test_a_result_that_was_changed_in_place_is_named_and_made_again(scratch: Scratch) -> None:
    before = scratch.outs()
    clip = scratch.root / "data/clips" / "video5.h5"
    kept = next(path for path in files_of(scratch.root / ".dvc/cache/files") if path.read_bytes() == clip.read_bytes())
    clip.unlink()
    clip.hardlink_to(kept)
    kept.chmod(0o644)
    with clip.open("r+b") as file:
        file.seek(len(before["data/clips/video5.h5"]) // 2)
        file.write(b"damage")
    kept.chmod(0o444)
    answer = scratch.affectflow("cache", "verify", ok=False)
    assert answer.code == 1
    assert f"{kept.relative_to(scratch.root)}: its content is not that of its name" in answer.text
    answer = scratch.affectflow("cache", "verify", "--repair")
    assert "removed data/clips/video5.h5: a link to a damaged file; `dvc repro` makes it again" in answer.text
    run = scratch.repro()
    assert "clips" in run.ran
    assert run.computed["clips"] == 0
    assert scratch.outs() == before
    assert scratch.affectflow("cache", "verify").code == 0
