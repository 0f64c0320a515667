"""Epoch after epoch until the validation score has stopped rising; what training and fine-tuning share."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.training.checkpoint import assign_tensors, copy_tensors, load_checkpoint, save_checkpoint
from pipeline.training.config import OptimiserConfig
from pipeline.training.schedule import Schedule, make_optimizer


def mean_loss(of_batches: Sequence[tuple[float, int]]) -> float:
    """Return the mean over windows of (loss, windows) of an epoch's batches.

    A batch without an annotated target has no loss, NaN, and does not count; it is NaN where none has one.
    """
    known = [(loss, windows) for loss, windows in of_batches if not math.isnan(loss)]
    count = sum(windows for _, windows in known)
    return sum(loss * windows for loss, windows in known) / count if count else math.nan


class EpochLoop(ABC):
    """The epochs of one network, resumable after a kill to the same bytes.

    A *phase* has an optimiser and a learning-rate schedule of its own. Training is one phase; fine-tuning begins
    another whenever it releases more layers.

    Parameters
    ----------
    config : the optimiser, its schedule, and when to stop
    checkpoint : file for the state after each epoch
    seed : of weights, dropout, and the order of windows
    device : where to compute

    Attributes
    ----------
    FIRST_EPOCH : 0, or -1 where a pass without learning scores the starting point first
    network : the network, set by the subclass before its first phase
    generator : for the order of windows and their augmentation; part of the checkpoint
    history : a row per epoch: epoch, lr, train_loss, each target's validation CCC, and their mean p
    best : weights of the first epoch with the highest validation P
    """

    FIRST_EPOCH: ClassVar[int] = 0
    config: OptimiserConfig
    network: nn.Module
    optimizer: Optimizer

    def __init__(self, config: OptimiserConfig, *, checkpoint: Path, seed: int, device: torch.device) -> None:
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.manual_seed(seed)
        self.config, self.checkpoint, self.seed, self.device = config, checkpoint, seed, device
        self.generator = torch.Generator().manual_seed(seed)
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.phase_start = 0

    def begin_phase(self) -> None:
        """Start with a new optimiser over what learns, and a new schedule that knows the best P so far."""
        self.phase_start = max(self.epochs, 0)
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = make_optimizer(learning, self.config)
        best = self.best_row["p"] if self.history else -math.inf
        self.schedule = Schedule(self.optimizer, self.config, best=best)

    @property
    def epochs(self) -> int:
        """How many epochs of learning are finished; also the number of the next one."""
        return len(self.history) + self.FIRST_EPOCH

    @property
    def best_row(self) -> dict[str, float]:
        """The first row of the history with the highest validation P."""
        return max(self.history, key=lambda row: row["p"])

    @property
    def best_epoch(self) -> int:
        """The number of the best epoch."""
        return int(self.best_row["epoch"])

    @property
    def exhausted(self) -> bool:
        """Whether the learning rate of this phase has fallen below its minimum."""
        return self.epochs - self.phase_start > self.config.warm_up_epochs and self.schedule.exhausted

    @property
    def finished(self) -> bool:
        """Whether the epochs are used up, P has long stopped rising, or the learning rate is exhausted."""
        if self.epochs < 1:
            return False
        waited = self.epochs - 1 - max(self.best_epoch, self.phase_start + self.config.warm_up_epochs - 1)
        return self.epochs >= self.config.epochs or waited >= self.config.early_stopping or self.exhausted

    def run(self) -> None:
        """Run to the end, from the last finished epoch where there is a checkpoint."""
        self.start()
        while not self.finished:
            self.run_epoch()
            self.save()

    def run_epoch(self) -> None:
        """Learn from the training windows once, then score the validation trials."""
        epoch = self.epochs
        loss = self._learn(epoch)
        rate = self.schedule.rate if epoch >= 0 else 0.0
        scores = self._validate()
        p = float(np.mean(list(scores.values())))
        if not self.history or p > self.best_row["p"]:
            self.best = copy_tensors(self._weights())
        self.history.append(
            {"epoch": epoch, "lr": rate, "train_loss": loss}
            | {f"{target}_ccc": value for target, value in scores.items()}
            | {"p": p}
        )
        self.schedule.step_epoch(epoch=epoch - self.phase_start, score=p)

    @abstractmethod
    def _learn(self, epoch: int) -> float:
        """Go through the training windows; return the mean loss."""

    @abstractmethod
    def _validate(self) -> dict[str, float]:
        """Return each target's CCC over all validation frames that have its annotation, as evaluation will."""

    def _weights(self) -> Mapping[str, Tensor]:
        """Return the weights that learning may have changed."""
        return self.network.state_dict()

    def restore_best(self) -> None:
        """Load the best epoch's weights into the network."""
        assign_tensors(self.network, self.best)

    def save(self) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.checkpoint, self.state_dict(), device=self.device)

    def start(self) -> None:
        """Seed the random generators, or continue after the last finished epoch where there is a checkpoint."""
        torch.manual_seed(self.seed)
        state = load_checkpoint(self.checkpoint, device=self.device)
        if state is not None:
            self.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the coming epochs depend on."""
        return {
            "network": self._weights(),
            "phase_start": self.phase_start,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "history": self.history,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        assign_tensors(self.network, state["network"])
        self.phase_start = state["phase_start"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best = state["best"]
        self.history = state["history"]
        self.generator.set_state(state["generator"])
