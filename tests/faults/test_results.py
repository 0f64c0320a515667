"""Damage in results and inputs that stages read: a message says which file and what to do, and that mends it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from pipeline.clips.clip import read_clip
from tests.faults.conftest import Make
from tests.faults.project import (
    CLIPS,
    ENSEMBLE,
    EVALUATE,
    FINETUNE,
    FOLDS,
    IR50,
    REPORT,
    TRAIN,
    VGGISH,
    Project,
    Step,
    empty,
    flip,
    truncate,
)

pytestmark = pytest.mark.slow

Damage = Callable[[Path], None]


def flip_labels(path: Path) -> None:
    """Change one byte of a clip's labels, which training reads without the rest of the clip."""
    labels = read_clip(path).labels.tobytes()
    data = path.read_bytes()
    assert data.count(labels) == 1
    flip(path, share=(data.index(labels) + 5) / (len(data) - 1))


def flip_predictions(path: Path) -> None:
    """Change one byte of a trial's predictions."""
    with h5py.File(path, "r") as file:
        place = file["validation/7/predictions"].id.get_chunk_info(0)
    flip(path, share=(place.byte_offset + place.size // 2) / (path.stat().st_size - 1))


@pytest.mark.parametrize(
    ("file", "damage", "step"),
    [
        ("index.csv", flip, CLIPS),
        ("index.csv", truncate, CLIPS),
        ("corpus/raw_videos/7.mp4", flip, CLIPS),
        ("corpus/raw_videos/11.avi", truncate, CLIPS),
        ("corpus/cropped_aligned/7/00003.jpg", truncate, CLIPS),
        ("corpus/annotations/VA_Set/Train_Set/7.txt", truncate, CLIPS),
    ],
)
def test_a_damaged_input_is_named(at: Make, file: str, damage: Damage, step: Step) -> None:
    project = at(step)
    path = project.root / file
    whole = path.read_bytes()
    damage(path)
    trial = path.stem if path.stem in {"7", "11"} else path.parent.name
    project.clear(project.run(step), path.name if file == "index.csv" else f"trial {trial}", file.partition("/")[0])
    path.write_bytes(whole)
    project.again(step)


@pytest.mark.parametrize(
    ("file", "damage", "step", "mended_by"),
    [
        ("data/clips/manifest.csv", truncate, FOLDS, CLIPS),
        ("data/clips/manifest.csv", flip, IR50, CLIPS),
        ("data/clips/7.h5", flip, IR50, CLIPS),
        ("data/clips/7.h5", truncate, VGGISH, CLIPS),
        ("data/clips/video4.h5", truncate, TRAIN, CLIPS),
        ("data/clips/7.h5", empty, EVALUATE, CLIPS),
        ("data/clips/7.h5", flip, FINETUNE, CLIPS),
        ("data/folds.json", truncate, TRAIN, FOLDS),
        ("data/folds.json", flip, EVALUATE, FOLDS),
        ("data/features/ir50.zarr/7.zip", flip, TRAIN, IR50),
        ("data/features/ir50.zarr/7.zip", truncate, EVALUATE, IR50),
        ("data/features/vggish.zarr/7.zip", truncate, TRAIN, VGGISH),
        ("data/features/vggish.zarr/zarr.json", empty, TRAIN, VGGISH),
        ("data/features/ir50.zarr/zarr.json", flip, EVALUATE, IR50),
        ("models/grjca/fold0.safetensors", truncate, EVALUATE, TRAIN),
        ("models/grjca/fold1.safetensors", empty, FINETUNE, TRAIN),
        ("models/grjca/fold0.safetensors", flip, EVALUATE, TRAIN),
        ("predictions/grjca/frames.h5", truncate, ENSEMBLE, EVALUATE),
        ("predictions/grjca/frames.h5", empty, REPORT, EVALUATE),
        ("predictions/grjca/frames.h5", flip_predictions, REPORT, EVALUATE),
        ("data/clips/video4.h5", flip_labels, TRAIN, CLIPS),
        ("metrics/evaluate/grjca.json", truncate, REPORT, EVALUATE),
        ("plots/train/grjca.csv", flip, REPORT, TRAIN),
    ],
)
def test_a_damaged_result_is_named(at: Make, file: str, damage: Damage, step: Step, mended_by: Step) -> None:
    project = at(step)
    damage(project.root / file)
    project.clear(project.run(step), *named(file))
    mend(project, file, mended_by)
    project.again(step)


def named(file: str) -> tuple[str, ...]:
    """Return what the message must hold: the file, or the store whose attributes it holds, and the trial."""
    place = Path(file).parent if file.endswith("zarr.json") else Path(file)
    return (str(place), *(("trial 7",) if "/7." in file else ()))


def mend(project: Project, file: str, step: Step) -> None:
    """Make the damaged result again."""
    ended = project.run(step)
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_a_damaged_table_of_items_costs_time_alone(done: Make, damage: Damage) -> None:
    project = done(CLIPS)
    shutil.rmtree(project.cache.root)
    damage(project.root / "data/items/clips.json")
    project.equal(CLIPS)


@pytest.mark.parametrize(
    ("step", "file"),
    [
        (CLIPS, "data/clips/7.h5"),
        (IR50, "data/features/ir50.zarr/7.zip"),
        (TRAIN, "models/grjca/fold0.safetensors"),
    ],
    ids=["clips", "features", "folds"],
)
def test_a_damaged_result_never_enters_the_item_cache(done: Make, step: Step, file: str) -> None:
    project = done(step)
    shutil.rmtree(project.cache.root)
    flip(project.root / file)
    project.equal(step)
