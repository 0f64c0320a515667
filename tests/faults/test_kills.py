"""Stages killed at moments drawn from fixed seeds: a further run ends with the same bytes."""

import random
import signal

import pytest

from tests.faults.conftest import Make
from tests.faults.injection import Fault
from tests.faults.project import CLIPS, EVALUATE, FINETUNE, IR50, TRAIN, Step

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    ("step", "seed"),
    [(CLIPS, 1), (CLIPS, 2), (IR50, 3), (IR50, 4), (TRAIN, 5), (TRAIN, 6), (EVALUATE, 7), (EVALUATE, 8), (FINETUNE, 9)],
)
def test_a_killed_stage_is_finished_by_the_next_run(at: Make, step: Step, sent: signal.Signals, seed: int) -> None:
    project = at(step)
    moment = random.Random(f"{step} {sent} {seed}").randint(1, project.operations(step))
    ended = project.run(step, Fault(below=project.whole, at=moment, signal=sent))
    assert ended.code == -sent, ended.text
    project.equal(step)


@pytest.mark.parametrize("step", [CLIPS, TRAIN, EVALUATE], ids="-".join)
def test_a_stage_killed_again_and_again_comes_to_its_end(at: Make, step: Step) -> None:
    project = at(step)
    chosen = random.Random(f"{step}")
    for _ in range(3):
        moment = chosen.randint(1, project.operations(step) // 2)
        assert project.run(step, Fault(below=project.whole, at=moment, signal=signal.SIGKILL)).code != 1
    project.equal(step)
