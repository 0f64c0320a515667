"""Two clones at work at once on one item cache: both end with the bytes of one that works alone."""

import random
import shutil
import signal

import pytest

from tests.faults.conftest import Make
from tests.faults.injection import Fault
from tests.faults.project import CLIPS, IR50, TRAIN, Project, Step, flip

pytestmark = pytest.mark.slow


def clone(project: Project) -> Project:
    """Make another project with the same item cache."""
    folder = project.folder / "clone"
    folder.mkdir()
    shutil.copytree(project.root, folder / "project")
    (folder / "cache").symlink_to(project.folder / "cache")
    return Project(folder, project.world, project.ends)


@pytest.mark.parametrize("step", [CLIPS, IR50, TRAIN], ids="-".join)
def test_both_compute_the_same_items(at: Make, step: Step) -> None:
    first = at(step)
    second = clone(first)
    running = [first.start(step), second.start(step)]
    assert [one.end().code for one in running] == [0, 0]
    second.again(step)
    first.equal(step)


@pytest.mark.parametrize("step", [CLIPS, IR50, TRAIN], ids="-".join)
def test_one_is_killed_while_the_other_works(at: Make, step: Step) -> None:
    first = at(step)
    second = clone(first)
    moment = random.Random(f"{step}").randint(1, first.operations(step))
    running = [first.start(step, Fault(below=first.whole, at=moment, signal=signal.SIGKILL)), second.start(step)]
    codes = [one.end().code for one in running]
    assert codes[0] in (0, -signal.SIGKILL), "the other may have left it less to do"
    assert codes[1] == 0
    second.again(step)
    first.equal(step)


def test_both_find_the_same_damaged_item(done: Make) -> None:
    first = done(CLIPS)
    flip(next(first.cache.root.glob("items/*/*/files/7.h5")))
    second = clone(first)
    running = [first.start(CLIPS), second.start(CLIPS)]
    assert [one.end().code for one in running] == [0, 0]
    second.again(CLIPS)
    first.equal(CLIPS)
