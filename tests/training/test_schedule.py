from typing import Any

import pytest
import torch

from pipeline.training.config import OptimiserConfig
from pipeline.training.schedule import Schedule, make_optimizer, warm_up_rate


def _schedule(**changed: Any) -> Schedule:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return Schedule(optimizer, OptimiserConfig(learning_rate=1e-5).model_copy(update=changed))


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


def test_without_improvement_the_rate_falls_every_six_epochs_after_the_warm_up() -> None:
    schedule = _schedule()
    seen = []
    for epoch in range(30):
        schedule.step_batch(epoch=epoch, batch=1, batches=2)
        seen.append(schedule.rate)
        schedule.step_epoch(epoch=epoch, score=0.5)
    after = [f"{rate:.0e}" for rate in seen[5:]]
    # The first epoch after the warm-up sets the best; six worse ones follow before each drop.
    assert after == ["1e-05"] * 7 + ["1e-06"] * 6 + ["1e-07"] * 6 + ["1e-08"] * 6


def test_a_rate_that_rounding_left_just_above_the_minimum_is_not_below_it() -> None:
    schedule = _schedule()
    schedule.optimizer.param_groups[0]["lr"] = 1e-5 * 0.1**3
    assert not schedule.exhausted
    schedule.optimizer.param_groups[0]["lr"] = 1e-9
    assert schedule.exhausted


def test_a_resumed_schedule_goes_on_where_it_was() -> None:
    first, second = _schedule(plateau_patience=1), _schedule(plateau_patience=1)
    for epoch in range(7):
        first.step_epoch(epoch=epoch, score=0.5)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    for schedule in (first, second):
        schedule.step_epoch(epoch=7, score=0.4)
    assert first.rate == second.rate == pytest.approx(1e-6)
