"""Damage in the item cache and in checkpoints: it is noticed, and a further run ends with the same bytes."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runtime.items import ItemCache
from tests.faults.conftest import Make
from tests.faults.injection import Fault
from tests.faults.project import CLIPS, FINETUNE, IR50, TRAIN, VGGISH, Step, before, empty, flip, one, truncate

pytestmark = pytest.mark.slow

Damage = Callable[[Path], None]


def remove(path: Path) -> None:
    """Lose a file."""
    path.unlink()


@pytest.mark.parametrize(
    ("step", "pattern", "damage"),
    [
        (CLIPS, "files/*.h5", flip),
        (CLIPS, "files/summary.json", truncate),
        (CLIPS, "record.json", empty),
        (IR50, "files/features.zip", flip),
        (IR50, "files/features.zip", truncate),
        (VGGISH, "files/features.zip", remove),
        (TRAIN, "files/fold.safetensors", flip),
        (TRAIN, "files/history.json", truncate),
        (TRAIN, "record.json", remove),
    ],
)
@pytest.mark.parametrize("results", ["results kept", "results lost"])
def test_a_damaged_item_is_made_again(done: Make, step: Step, pattern: str, damage: Damage, results: str) -> None:
    project = done(step)
    if results == "results lost":
        (project.root / "data" / "items" / Path(*step).with_suffix(".json")).unlink()
    items = set(project.cache.keys()) - set(ItemCache(before(project.world, step) / "cache").keys())
    damage(one([path for key in items for path in project.cache.record(key).parent.glob(pattern)]))
    project.equal(step)


@pytest.mark.parametrize(("step", "damage"), [(TRAIN, flip), (TRAIN, truncate), (TRAIN, empty), (FINETUNE, flip)])
def test_a_damaged_checkpoint_is_dropped(at: Make, step: Step, damage: Damage) -> None:
    project = at(step)
    checkpoints = project.cache.root / "checkpoints"
    # The third operation of each checkpoint, after it was opened and renamed, makes sure that nothing else is left.
    assert project.run(step, Fault(below=str(checkpoints), at=3, signal=signal.SIGKILL)).code == -signal.SIGKILL
    damage(one(list(checkpoints.iterdir())))
    ended = project.run(step)
    assert "is damaged: the run starts again" in ended.text
    project.equal(step)
