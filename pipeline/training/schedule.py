"""The learning rate: warm-up, then a drop whenever the validation P has stopped rising (GRJCA paper section 2.2)."""

import math
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau


def warm_up_rate(
    base: float, *, kind: Literal["sawtooth", "linear"], epoch: int, batch: int, batches: int, epochs: int
) -> float:
    """Return the learning rate of one training step of the warm-up.

    Parameters
    ----------
    base : the rate after the warm-up
    kind : ``"sawtooth"`` climbs from 0 anew in every epoch, each time to a higher peak of ``(epoch + 1) / epochs^2``
        of the base ("repetitive warm-up" as published); ``"linear"`` climbs once over the whole warm-up
    epoch, batch : both from 0
    batches : training steps in an epoch
    epochs : epochs of warm-up
    """
    if kind == "sawtooth":
        return base * (batch / batches) * (epoch + 1) / epochs**2
    return base * (epoch * batches + batch + 1) / (epochs * batches)


class Schedule:
    """Sets the optimiser's learning rate: `step_batch` before each training step, `step_epoch` after each epoch.

    Parameters
    ----------
    optimizer : whose parameter groups are set
    base : learning rate after the warm-up
    warm_up, warm_up_epochs : see `warm_up_rate`
    factor, patience : a plateau of more than `patience` epochs multiplies the rate by `factor`
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        base: float,
        warm_up: Literal["sawtooth", "linear"],
        warm_up_epochs: int,
        factor: float,
        patience: int,
    ) -> None:
        self.optimizer = optimizer
        self.base = base
        self.warm_up: Literal["sawtooth", "linear"] = warm_up
        self.warm_up_epochs = warm_up_epochs
        self._set(base)
        self.plateau = ReduceLROnPlateau(optimizer, mode="max", factor=factor, patience=patience, eps=0.0)

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step_batch(self, *, epoch: int, batch: int, batches: int) -> None:
        """Set the rate of the coming training step."""
        if epoch < self.warm_up_epochs:
            self._set(
                warm_up_rate(
                    self.base,
                    kind=self.warm_up,
                    epoch=epoch,
                    batch=batch,
                    batches=batches,
                    epochs=self.warm_up_epochs,
                )
            )

    def step_epoch(self, *, epoch: int, score: float) -> None:
        """Take note of an epoch's validation score; plateaus count after the warm-up only."""
        if epoch + 1 < self.warm_up_epochs:
            return
        if epoch + 1 == self.warm_up_epochs:
            self._set(self.base)
        else:
            self.plateau.step(score)

    def exhausted(self, minimum: float) -> bool:
        """Answer whether the rate has fallen below `minimum` (rounding of repeated products aside)."""
        return self.rate < minimum and not math.isclose(self.rate, minimum, rel_tol=1e-6)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs besides the optimiser's own state."""
        return dict(self.plateau.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.plateau.load_state_dict(state)

    def _set(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
