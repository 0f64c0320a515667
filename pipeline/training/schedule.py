"""The learning rate: warm-up, then a drop whenever the validation P has stopped rising.

Source: GRJCA paper section 2.2; where it is silent, the released code behind it (leader-follower attention).
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

from torch.nn import Parameter
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from pipeline.training.config import OptimiserConfig


def warm_up_rate(
    base: float, *, kind: Literal["sawtooth", "linear"], epoch: int, batch: int, batches: int, epochs: int
) -> float:
    """Return the learning rate of one training step of the warm-up.

    Parameters
    ----------
    base : the rate after the warm-up
    kind : ``"sawtooth"`` climbs from 0 in every epoch, each time to a higher peak of ``(epoch + 1) / epochs^2``
        of the base ("repetitive warm-up" as published); ``"linear"`` climbs once over the whole warm-up
    epoch, batch : both from 0
    batches : training steps in an epoch
    epochs : epochs of warm-up
    """
    if kind == "sawtooth":
        return base * (batch / batches) * (epoch + 1) / epochs**2
    return base * (epoch * batches + batch + 1) / (epochs * batches)


def make_optimizer(parameters: Iterable[Parameter], config: OptimiserConfig) -> Adam:
    """Return Adam with the section's learning rate and weight decay.

    The fused one takes square roots with the processor's exact instruction; the default one goes through MKL, whose
    last bit differs between processors.
    """
    return Adam(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


class Schedule:
    """Sets the optimiser's learning rate: `step_batch` before each training step, `step_epoch` after each epoch.

    Parameters
    ----------
    optimizer : whose parameter groups are set
    config : the warm-up, and the drops: `plateau_patience` + 1 epochs in a row without a new best P multiply the rate
        by `plateau_factor`. They are counted after the warm-up; what is best is not, and any rise is a new best
    best : the best P of the phases before
    """

    def __init__(self, optimizer: Optimizer, config: OptimiserConfig, *, best: float = -math.inf) -> None:
        self.optimizer = optimizer
        self.config = config
        self._set(config.learning_rate)
        self.plateau = ReduceLROnPlateau(
            optimizer,
            mode="max",
            factor=config.plateau_factor,
            patience=config.plateau_patience,
            threshold=0.0,
            threshold_mode="abs",
            eps=0.0,
        )
        self.plateau.best = best

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step_batch(self, *, epoch: int, batch: int, batches: int) -> None:
        """Set the rate of the coming training step."""
        if epoch < self.config.warm_up_epochs:
            self._set(
                warm_up_rate(
                    self.config.learning_rate,
                    kind=self.config.warm_up,
                    epoch=epoch,
                    batch=batch,
                    batches=batches,
                    epochs=self.config.warm_up_epochs,
                )
            )

    def step_epoch(self, *, epoch: int, score: float) -> None:
        """Take note of the validation score of an epoch; -1 is the pass that scores the start of fine-tuning."""
        if epoch < self.config.warm_up_epochs:
            self.plateau.best = max(self.plateau.best, score)
        else:
            self.plateau.step(score)
        if epoch + 1 == self.config.warm_up_epochs:
            self._set(self.config.learning_rate)

    @property
    def exhausted(self) -> bool:
        """Whether the rate has fallen below `min_learning_rate` (rounding of repeated products aside)."""
        minimum = self.config.min_learning_rate
        return self.rate < minimum and not math.isclose(self.rate, minimum, rel_tol=1e-6)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs besides the optimiser's own state."""
        return dict(self.plateau.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self.plateau.load_state_dict(state)

    def _set(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
