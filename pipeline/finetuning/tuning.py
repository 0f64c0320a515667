"""The fine-tuning of one fold, an epoch at a time, resumable after a kill to the same bytes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.clips.clip import read_clip
from pipeline.evaluation.metrics import score
from pipeline.finetuning.config import FinetuneConfig
from pipeline.finetuning.finetuned import FinetunedFold, StreamSource, assemble_network
from pipeline.finetuning.model import set_head_dropout
from pipeline.finetuning.passages import Passages
from pipeline.finetuning.tunable import Look, draw_looks
from pipeline.models.trained import TrainedFold
from pipeline.models.windows import kept_frames
from pipeline.runtime.section import validate
from pipeline.training.config import TrainingConfig
from pipeline.training.loss import ccc_loss
from pipeline.training.schedule import Schedule


@dataclass(frozen=True)
class TuningTask:
    """Everything that the fine-tuning of one fold needs.

    Parameters
    ----------
    fold : number of the fold, added to the seed
    base : the trained fold to start from
    clips : folder of the clips
    train, validation : names of trials
    streams : source of each role's backbone
    config : how to tune
    checkpoint : file for the state after each epoch
    """

    fold: int
    base: Path
    clips: Path
    train: tuple[str, ...]
    validation: tuple[str, ...]
    streams: Mapping[str, StreamSource]
    config: FinetuneConfig
    checkpoint: Path


class FoldTuning:
    """The fine-tuning of one fold.

    Epoch -1 is a pass in which nothing is learnt: it scores the starting point, which the result can therefore never
    fall behind. A *phase* lasts from one release to the next, with an optimiser and a schedule of its own.

    Parameters
    ----------
    task : what to tune
    device : where
    """

    def __init__(self, task: TuningTask, device: torch.device) -> None:
        self.task, self.config, self.device = task, task.config, device
        if device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        base = TrainedFold.load(task.base)
        self.training = validate(TrainingConfig, base.metadata["training"], at=str(task.base))
        self.targets: list[str] = base.metadata["targets"]
        self.passages = Passages.cut(task.clips, task.train, training=self.training)
        groups = {role: self._groups_of(source.backbone) for role, source in task.streams.items()}
        network = assemble_network(task.streams, base.network, chunk=self.config.chunk, groups=groups)
        if self.config.dropout is not None:
            set_head_dropout(network.fusion, self.config.dropout)
        self.network = network.to(device)
        self.fold = FinetunedFold(
            self.network, task.streams, base.metadata | {"finetune": self.config.model_dump(mode="json")}
        )
        self.origin = {name: _copy(tensor) for name, tensor in self.network.learning(self.network.most).items()}
        self.best = {name: self.origin[name] for name in self.network.learning(0)}
        self.generator = torch.Generator().manual_seed(self.seed)
        self.history: list[dict[str, float]] = []
        self.phase_start = 0
        self._begin_phase(1)

    @property
    def seed(self) -> int:
        """Of this fold."""
        return self.training.seed + self.task.fold

    @property
    def best_epoch(self) -> int:
        """The first epoch with the highest validation P; -1 is the start."""
        return max(range(len(self.history)), key=lambda row: (self.history[row]["p"], -row)) - 1

    @property
    def epochs(self) -> int:
        """How many epochs were learnt."""
        return len(self.history) - 1

    @property
    def finished(self) -> bool:
        """Whether the epochs are used up, P has long stopped rising, or nothing is left to be released."""
        if self.epochs < 1:
            return False
        waited = self.epochs - 1 - max(self.best_epoch, self.phase_start + self.config.warm_up_epochs - 1)
        return self.epochs >= self.config.epochs or waited >= self.config.early_stopping or self._exhausted

    @property
    def _exhausted(self) -> bool:
        """Whether the learning rate has run out since the last release."""
        in_phase = self.epochs - self.phase_start
        return in_phase > self.config.warm_up_epochs and self.schedule.exhausted(self.config.min_learning_rate)

    def run_epoch(self) -> None:
        """Go through the windows once, in a new order and seen anew, then score the validation trials.

        When the learning rate has run out, the best weights come back and the next group is released.
        """
        epoch = len(self.history) - 1
        order = torch.randperm(len(self.passages), generator=self.generator)[: self.config.windows]
        looks = draw_looks(len(order), crop=self.config.crop, flip=self.config.flip, generator=self.generator)
        batches = torch.split(torch.arange(len(order)), self.config.batch * self.config.accumulate)
        loss_sum = 0.0
        self.network.train()
        for number, batch in enumerate(batches):
            if epoch >= 0:
                self.schedule.step_batch(epoch=epoch - self.phase_start, batch=number, batches=len(batches))
            parts = [
                [(int(order[place]), looks[place]) for place in part] for part in torch.split(batch, self.config.batch)
            ]
            loss_sum += self._step(parts, learn=epoch >= 0) * len(batch)
        rate = self.schedule.rate if epoch >= 0 else 0.0
        scores = self._validate()
        p = float(np.mean(list(scores.values())))
        if not self.history or p > self.history[self.best_epoch + 1]["p"]:
            self.best = {name: _copy(tensor) for name, tensor in self._changing().items()}
        self.history.append(
            {"epoch": epoch, "lr": rate, "released": self.network.released if epoch >= 0 else 0}
            | {"train_loss": loss_sum / len(order)}
            | {f"{target}_ccc": value for target, value in scores.items()}
            | {"p": p}
        )
        if epoch >= 0:
            self.schedule.step_epoch(epoch=epoch - self.phase_start, score=p)
            if self._exhausted and self.network.released < self.network.most:
                self.restore_best()
                self._begin_phase(self.network.released + 1)

    def _step(self, parts: Sequence[Sequence[tuple[int, Look]]], *, learn: bool) -> float:
        """Learn from one batch, part after part; return its loss."""
        usable = [sum(self.passages.usable(window) for window, _ in part) for part in parts]
        total = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for part, count in zip(parts, usable, strict=True):
            passages = [self.passages.read(window, self.network.tunables) for window, _ in part]
            padded = torch.stack([passage.mask for passage in passages]).to(self.device)
            labels = torch.stack([passage.labels for passage in passages]).to(self.device)
            with (
                torch.set_grad_enabled(learn),
                torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config.precision == "bfloat16"),
            ):
                output = self.network([passage.excerpts for passage in passages], [look for _, look in part], padded)
            mask = padded & ~labels.isnan().any(dim=-1)
            # A part's loss is the mean over its usable windows, the batch's loss the mean over all of them.
            share = count / max(sum(usable), 1)
            loss = share * ccc_loss(output.predictions, labels, mask, scope=self.training.scope)
            if learn:
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if learn:
            self.optimizer.step()
        return total

    def _validate(self) -> dict[str, float]:
        """Return each target's CCC over all annotated validation frames."""
        labels, predictions = [], []
        for trial in self.task.validation:
            clip = read_clip(self.task.clips / f"{trial}.h5")
            keep = kept_frames(clip.label_valid, gaps=self.training.gaps)
            predictions.append(self.fold.predict(clip, device=self.device, keep=keep).predictions)
            labels.append(np.where(clip.label_valid[:, None], clip.labels, np.nan))
        truth, said = np.concatenate(labels), np.concatenate(predictions)
        return {target: score(truth[:, k], said[:, k]).ccc for k, target in enumerate(self.targets)}

    def _groups_of(self, backbone: str) -> int:
        return 0 if backbone in self.config.frozen else self.config.release_groups

    def _begin_phase(self, released: int) -> None:
        """Release, and start anew with optimiser and schedule, as published."""
        self.network.release(released)
        self.phase_start = max(self.epochs, 0)
        self.optimizer = torch.optim.Adam(
            [parameter for parameter in self.network.parameters() if parameter.requires_grad],
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
        )
        self.schedule = Schedule(
            self.optimizer,
            base=self.config.learning_rate,
            warm_up=self.config.warm_up,
            warm_up_epochs=self.config.warm_up_epochs,
            factor=self.config.plateau_factor,
            patience=self.config.plateau_patience,
        )

    def restore_best(self) -> None:
        """Bring back the best epoch's weights; what was released after it is as it was in the beginning."""
        _load(self.network.state_dict(), self.origin | self.best)

    def _changing(self) -> dict[str, Tensor]:
        return self.network.learning(self.network.released)

    def save(self) -> None:
        """Keep the state after an epoch, whole or not at all."""
        state: dict[str, Any] = {
            "network": self._changing(),
            "released": self.network.released,
            "phase_start": self.phase_start,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "history": self.history,
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        self.task.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.task.checkpoint.with_name(f"{self.task.checkpoint.name}.{os.getpid()}")
        torch.save(state, fresh)
        fresh.replace(self.task.checkpoint)

    def start(self) -> None:
        """Set the random numbers' course, or go on after the last finished epoch if there is one."""
        torch.manual_seed(self.seed)
        if not self.task.checkpoint.is_file():
            return
        state = torch.load(self.task.checkpoint, map_location="cpu", weights_only=True)
        self._begin_phase(state["released"])
        self.phase_start = state["phase_start"]
        _load(self.network.state_dict(), state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best = state["best"]
        self.history = state["history"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone()


def _load(state: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        state[name].copy_(value)
