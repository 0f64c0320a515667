import math
from collections.abc import Iterable
from itertools import chain, repeat
from typing import Any

import pytest
import torch

from pipeline.training.config import OptimiserConfig
from pipeline.training.schedule import Schedule, make_optimizer, warm_up_rate


def _schedule(*, best: float = -math.inf, **changed: Any) -> Schedule:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return Schedule(optimizer, OptimiserConfig(learning_rate=1e-5).model_copy(update=changed), best=best)


def _course(schedule: Schedule, scores: Iterable[float]) -> list[str]:
    """Return the rate at the last step of each epoch, to one digit, up to the one after which it has run out."""
    rates = []
    for epoch, score in enumerate(scores):
        schedule.step_batch(epoch=epoch, batch=1, batches=2)
        rates.append(f"{schedule.rate:.0e}")
        schedule.step_epoch(epoch=epoch, score=score)
        if epoch >= schedule.config.warm_up_epochs and schedule.exhausted:
            break
    return rates


def test_the_optimiser_is_adam_as_configured() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = make_optimizer([parameter], OptimiserConfig(learning_rate=0.5, weight_decay=0.25))
    (group,) = optimizer.param_groups
    assert (group["params"], group["lr"], group["weight_decay"]) == ([parameter], 0.5, 0.25)


def test_the_sawtooth_starts_each_epoch_at_zero_and_peaks_at_a_growing_share() -> None:
    # Observed of the published code: base 1e-5, batch b of epoch e: base * b * (e + 1) / (25 * batches).
    rates = [
        warm_up_rate(1e-5, kind="sawtooth", epoch=epoch, batch=batch, batches=100, epochs=5)
        for epoch in range(5)
        for batch in (0, 99)
    ]
    assert rates[::2] == [0.0] * 5
    assert rates[1] == pytest.approx(3.96e-7)
    assert rates[9] == pytest.approx(1.98e-6)


def test_the_linear_warm_up_climbs_to_the_base() -> None:
    rates = [
        warm_up_rate(1.0, kind="linear", epoch=epoch, batch=batch, batches=4, epochs=2)
        for epoch in range(2)
        for batch in range(4)
    ]
    assert rates == pytest.approx([step / 8 for step in range(1, 9)])


@pytest.mark.parametrize("p", [0.5, 0.0, -0.2])
def test_a_flat_p_lowers_the_rate_every_six_epochs_after_the_warm_up(p: float) -> None:
    # Observed of the published code, base 1e-5: epochs 5-10, 11-16, 17-22, 23-28, and below 1e-8 from 29 on.
    rates = _course(_schedule(), repeat(p, 200))
    assert rates[5:] == ["1e-05"] * 6 + ["1e-06"] * 6 + ["1e-07"] * 6 + ["1e-08"] * 6


def test_a_best_of_the_warm_up_counts_and_its_epochs_do_not() -> None:
    # Nothing after epoch 1 is better than it: the four worse epochs of the warm-up lower no rate.
    rates = _course(_schedule(), chain([0.1, 0.6], repeat(0.5, 200)))
    assert rates[5:11] == ["1e-05"] * 6
    assert rates[11] == "1e-06"
    # A better epoch 5 is the best from there on, and six worse ones follow it.
    rates = _course(_schedule(), chain([0.1, 0.6, 0.5, 0.5, 0.5, 0.7], repeat(0.5, 200)))
    assert rates[5:12] == ["1e-05"] * 7
    assert rates[12] == "1e-06"


def test_after_a_release_the_rate_runs_out_unless_p_exceeds_the_best_before_it() -> None:
    climbing = [0.50 + 0.005 * epoch for epoch in range(100)]
    published = {"learning_rate": 1e-4, "min_learning_rate": 1e-8}
    rates = _course(_schedule(best=0.74, **published), climbing)
    # Five drops, six epochs each, after a warm-up of five; P is 0.67 by then.
    assert len(rates) - 1 == 34
    assert rates[5:] == [f"1e-0{power}" for power in (4, 5, 6, 7, 8) for _ in range(6)]
    # A phase that knew nothing of the best would call each of these epochs progress.
    rates = _course(_schedule(**published), climbing)
    assert len(rates) == 100
    assert set(rates[5:]) == {"1e-04"}


def test_any_rise_above_the_best_is_progress_however_small() -> None:
    rising = [0.5 + 1e-9 * epoch for epoch in range(60)]
    assert set(_course(_schedule(), rising)[5:]) == {"1e-05"}
    falling = [-0.5 - 1e-9 * epoch for epoch in range(60)]
    assert len(_course(_schedule(), falling)) - 1 == 28


def test_the_pass_that_scores_the_start_sets_a_best() -> None:
    schedule = _schedule(warm_up_epochs=0, plateau_patience=1)
    schedule.step_epoch(epoch=-1, score=0.6)
    assert _course(schedule, [0.5, 0.5, 0.7, 0.6]) == ["1e-05", "1e-05", "1e-06", "1e-06"]


def test_a_rate_that_rounding_left_just_above_the_minimum_is_not_below_it() -> None:
    schedule = _schedule()
    schedule.optimizer.param_groups[0]["lr"] = 1e-5 * 0.1**3
    assert not schedule.exhausted
    schedule.optimizer.param_groups[0]["lr"] = 1e-9
    assert schedule.exhausted


def test_a_resumed_schedule_goes_on_where_it_was() -> None:
    first, second = _schedule(best=0.6, plateau_patience=1), _schedule(plateau_patience=1)
    for epoch in range(6):
        first.step_epoch(epoch=epoch, score=0.5)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    for schedule in (first, second):
        schedule.step_epoch(epoch=6, score=0.55)
    assert first.rate == second.rate == pytest.approx(1e-6)
