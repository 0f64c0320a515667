"""Worker processes that die in the middle: the stage names what is unfinished, and keeps what is finished."""

import random
import signal

import pytest

from tests.faults.conftest import Make
from tests.faults.injection import Fault
from tests.faults.project import CLIPS, IR50, TRAIN, Step

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV])
@pytest.mark.parametrize(("step", "items"), [(CLIPS, 8), (IR50, 8), (TRAIN, 2)])
def test_a_dead_worker(at: Make, step: Step, items: int, sent: signal.Signals) -> None:
    project = at(step)
    project.compute(engine="processes", workers=2)
    # Few enough for each worker to come to it, whichever gets which item.
    moment = random.Random(f"{step} {sent}").randint(1, project.operations(step) // items // 8)
    ended = project.run(step, Fault(below=project.whole, at=moment, signal=sent, in_worker=True))
    project.clear(ended, "a worker process died", "unfinished: ", "run again: finished items are kept")
    project.again(step)


def test_the_stage_dies_and_its_workers_with_it(at: Make) -> None:
    project = at(CLIPS)
    project.compute(engine="processes", workers=2)
    fault = Fault(below=project.whole, at=9, signal=signal.SIGKILL, in_worker=True, of_parent=True)
    assert project.run(CLIPS, fault).code == -signal.SIGKILL
    project.equal(CLIPS)
