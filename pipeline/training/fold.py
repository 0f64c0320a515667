"""The training of one fold, an epoch at a time, resumable after a kill to the same bytes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.evaluation.metrics import score
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.standardise import Standardise
from pipeline.models.trained import StandardisedNetwork, load_encoder, predict_frames
from pipeline.models.views import draw_views, gather_windows, predict_views
from pipeline.models.windows import Windows, cut_windows
from pipeline.runtime.errors import InputError, Problem
from pipeline.training.config import TrainingConfig
from pipeline.training.frames import FrameTable
from pipeline.training.loss import ccc_loss
from pipeline.training.schedule import Schedule


@dataclass(frozen=True)
class FoldTask:
    """Everything that the training of one fold needs.

    Parameters
    ----------
    fold : number of the fold, added to the seed
    train, validation : names of trials
    table : folder of a saved `FrameTable` that holds them
    model, training : sections of params.yaml
    targets : (low, high) of each target by name, in the order of the labels
    checkpoint : file for the state after each epoch; a target trained on its own adds its name
    warm_start : trained unimodal folds by role, whose temporal encoders are the starting point
    """

    fold: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    table: Path
    model: ModelConfig
    training: TrainingConfig
    targets: Mapping[str, tuple[float, float]]
    checkpoint: Path
    warm_start: Mapping[str, Path] = field(default_factory=dict)


class FoldTraining:
    """The training of one network of one fold.

    Parameters
    ----------
    task : what to train
    device : where
    targets : which targets the network predicts; all of the task's unless given

    Raises
    ------
    InputError
        The fold has no annotated frames to learn from, or to validate on.
    """

    def __init__(self, task: FoldTask, device: torch.device, *, targets: Sequence[str] | None = None) -> None:
        self.task = task
        self.config = task.training
        self.targets = tuple(task.targets if targets is None else targets)
        self.checkpoint = task.checkpoint
        if targets is not None:
            self.checkpoint = task.checkpoint.with_name(f"{task.checkpoint.name}-{'-'.join(targets)}")
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        table = FrameTable.open(task.table)
        self.labelled = table.labelled()
        self.train_windows = self._cut(table, task.train)
        self.validation_windows = self._cut(table, task.validation)
        self._require_labels(table)
        self.labels = np.asarray(table.labels)[:, [list(task.targets).index(target) for target in self.targets]]
        self._labels = torch.from_numpy(self.labels).to(device)
        self._labelled = torch.from_numpy(self.labelled).to(device)
        self.views = table.views
        self._streams = {role: torch.from_numpy(x).to(device) for role, x in table.streams.items()}
        self._index = torch.from_numpy(self.train_windows.index).to(device)
        self._mask = torch.from_numpy(self.train_windows.mask).to(device)
        self.device = device

        torch.manual_seed(self.config.seed + task.fold)
        self.shuffle = torch.Generator().manual_seed(self.config.seed + task.fold)
        statistics = {
            role: Standardise.fit(
                (view[table.rows(trial)] for trial in task.train for view in table.planes(role)),
                kind=self.config.standardise,
            )
            for role in table.streams
        }
        self.in_features = {role: x.shape[-1] for role, x in table.streams.items()}
        model = build_network(
            task.model,
            in_features=self.in_features,
            length=self.config.window,
            ranges=[task.targets[target] for target in self.targets],
        )
        self.network = StandardisedNetwork(standardise=statistics, model=model).to(device)
        for role, path in task.warm_start.items():
            load_encoder(self.network, role=role, trained=path, targets=self.targets)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        self.schedule = Schedule(
            self.optimizer,
            base=self.config.learning_rate,
            warm_up=self.config.warm_up,
            warm_up_epochs=self.config.warm_up_epochs,
            factor=self.config.plateau_factor,
            patience=self.config.plateau_patience,
        )
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}

    @property
    def best_epoch(self) -> int:
        """The first epoch with the highest validation P."""
        return max(range(len(self.history)), key=lambda epoch: (self.history[epoch]["p"], -epoch))

    @property
    def finished(self) -> bool:
        """Whether the epochs are used up, P has long stopped rising, or the learning rate has run out."""
        done = len(self.history)
        if done == 0:
            return False
        waited = done - 1 - max(self.best_epoch, self.config.warm_up_epochs - 1)
        return (
            done >= self.config.epochs
            or waited >= self.config.early_stopping
            or (done > self.config.warm_up_epochs and self.schedule.exhausted(self.config.min_learning_rate))
        )

    def run_epoch(self) -> None:
        """Train on every window once, in a new order, each in a view drawn for it, then score the validation trials."""
        epoch = len(self.history)
        order = torch.randperm(len(self._index), generator=self.shuffle).to(self.device)
        views = draw_views(self._streams, len(order), generator=self.shuffle)
        batches = torch.split(order, self.config.batch)
        loss_sum = 0.0
        self.network.train()
        for number, batch in enumerate(batches):
            self.schedule.step_batch(epoch=epoch, batch=number, batches=len(batches))
            loss_sum += self._step(batch, {role: view[batch] for role, view in views.items()}) * len(batch)
        rate = self.schedule.rate
        scores = self._validate()
        p = float(np.mean(list(scores.values())))
        if not self.history or p > self.history[self.best_epoch]["p"]:
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}
        self.history.append(
            {"epoch": epoch, "lr": rate, "train_loss": loss_sum / len(order)}
            | {f"{target}_ccc": value for target, value in scores.items()}
            | {"p": p}
        )
        self.schedule.step_epoch(epoch=epoch, score=p)

    def _step(self, batch: Tensor, views: Mapping[str, Tensor]) -> float:
        index, padded = self._index[batch], self._mask[batch]
        streams = {role: gather_windows(x, index, views.get(role)).float() for role, x in self._streams.items()}
        reduced = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=reduced):
            output = self.network(streams, padded)
        mask = padded & self._labelled[index]
        loss = ccc_loss(output.predictions, self._labels[index], mask, scope=self.config.scope)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach())

    def _validate(self) -> dict[str, float]:
        """Return each target's CCC over all annotated validation frames."""
        self.network.eval()
        rows = np.unique(self.validation_windows.index)
        # Numbered through from 0: the windows of the validation trials cover exactly these rows.
        local = Windows(np.searchsorted(rows, self.validation_windows.index), self.validation_windows.mask)
        place = torch.from_numpy(rows).to(self.device)

        def predict(streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
            taken = {role: x[place] for role, x in streams.items()}
            return predict_frames(self.network, taken, local, frames=len(rows))

        frames = predict_views(predict, self._streams, self.views, how=self.config.evaluation_views)
        predictions = frames["predictions"].cpu().numpy()
        labels = np.where(self.labelled[rows, None], self.labels[rows], np.nan)
        return {
            target: score(labels[:, column], predictions[:, column]).ccc for column, target in enumerate(self.targets)
        }

    def _cut(self, table: FrameTable, trials: tuple[str, ...]) -> Windows:
        rows = [table.rows(trial) for trial in trials]
        if self.config.gaps == "compact":
            rows = [frames[self.labelled[frames]] for frames in rows]
        return cut_windows(rows, window=self.config.window, hop=self.config.hop)

    def _require_labels(self, table: FrameTable) -> None:
        problems = []
        for part, trials in (("training", self.task.train), ("validation", self.task.validation)):
            if not any(self.labelled[table.rows(trial)].any() for trial in trials):
                message = f"fold {self.task.fold}: none of its {len(trials)} {part} trials has an annotated frame"
                problems.append(Problem(message, remedy="look at data/folds.json and data/clips/manifest.csv"))
        if problems:
            raise InputError("nothing to learn from", problems)

    def save(self) -> None:
        """Keep the state after an epoch, whole or not at all."""
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "history": self.history,
            "shuffle": self.shuffle.get_state(),
            "random": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.checkpoint.with_name(f"{self.checkpoint.name}.{os.getpid()}")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def start(self) -> None:
        """Set the random numbers' course, or go on after the last finished epoch if there is one."""
        torch.manual_seed(self.config.seed + self.task.fold)
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best = state["best"]
        self.history = state["history"]
        self.shuffle.set_state(state["shuffle"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)

    @property
    def best_network(self) -> StandardisedNetwork:
        """The network with the best epoch's weights."""
        self.network.load_state_dict(self.best)
        return self.network
