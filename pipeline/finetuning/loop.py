"""The epochs of the fine-tuning of one fold."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.clips.clip import check_clip, read_clip
from pipeline.evaluation.metrics import score_targets
from pipeline.finetuning.config import FinetuneConfig
from pipeline.finetuning.fold import FinetunedFold, join_backbones
from pipeline.finetuning.network import EndToEndNetwork, set_head_dropout
from pipeline.finetuning.task import FinetuneTask
from pipeline.finetuning.tunable import Augmentation, draw_augmentations
from pipeline.finetuning.windows import ClipWindows
from pipeline.models.trained import TrainedFold
from pipeline.runtime.device import current_device
from pipeline.runtime.section import validate
from pipeline.training.checkpoint import assign_tensors, copy_tensors
from pipeline.training.config import TrainingConfig
from pipeline.training.epochs import EpochLoop, mean_loss
from pipeline.training.history import FOLD, HISTORY, History
from pipeline.training.loss import target_losses


class FoldFinetuning(EpochLoop):
    """The fine-tuning of one fold.

    Epoch -1 is a pass without learning: it scores the starting point, which the result is therefore never worse than.
    A phase lasts from one release to the next.

    Parameters
    ----------
    task : what to fine-tune
    device : where

    Raises
    ------
    InputError
        A target is annotated in no training trial.
    """

    FIRST_EPOCH = -1
    config: FinetuneConfig
    network: EndToEndNetwork

    def __init__(self, task: FinetuneTask, device: torch.device) -> None:
        for trial, digest in task.digests.items():
            path = task.clips / f"{trial}.h5"
            check_clip(path, claimed=digest, found=read_clip(path).digest())
        base = TrainedFold.load(task.base)
        self.training = validate(TrainingConfig, base.metadata["training"], at=str(task.base))
        seed = self.training.seed + task.fold
        super().__init__(task.config, checkpoint=task.checkpoint, seed=seed, device=device)
        self.task = task
        self.targets: list[str] = base.metadata["targets"]
        self.windows = ClipWindows.cut(task.clips, task.train, training=self.training)
        groups = {
            role: 0 if source.backbone in self.config.frozen else self.config.release_groups
            for role, source in task.streams.items()
        }
        network = join_backbones(task.streams, base.network, chunk=self.config.chunk, groups=groups)
        if self.config.dropout is not None:
            set_head_dropout(network.fusion, self.config.dropout)
        self.network = network.to(device)
        self.fold = FinetunedFold(
            self.network, task.streams, base.metadata | {"finetune": self.config.model_dump(mode="json")}
        )
        self.origin = copy_tensors(self.network.learning(self.network.releases))
        self.release(1)

    def release(self, count: int) -> None:
        """Begin a phase in which the first `count` groups of each backbone learn, with a new optimiser as published."""
        self.network.release(count)
        self.begin_phase()

    def run_epoch(self) -> None:
        """Run an epoch; when the learning rate is exhausted, restore the best weights and release the next group."""
        released = self.network.released if self.history else 0
        super().run_epoch()
        self.history[-1]["released"] = released
        if self.exhausted and self.network.released < self.network.releases:
            self.restore_best()
            self.release(self.network.released + 1)

    def _learn(self, epoch: int) -> float:
        """Go through the windows once, in a new order and newly augmented; without learning in epoch -1."""
        order = torch.randperm(len(self.windows), generator=self.generator)[: self.config.windows]
        drawn = draw_augmentations(len(order), crop=self.config.crop, flip=self.config.flip, generator=self.generator)
        batches = torch.split(torch.arange(len(order)), self.config.batch * self.config.accumulate)
        losses: list[tuple[float, int]] = []
        self.network.train()
        for number, batch in enumerate(batches):
            if epoch >= 0:
                self.schedule.step_batch(epoch=epoch - self.phase_start, batch=number, batches=len(batches))
            parts = [
                [(int(order[place]), drawn[place]) for place in part] for part in torch.split(batch, self.config.batch)
            ]
            losses.append((self._step(parts, learn=epoch >= 0), len(batch)))
        return mean_loss(losses)

    def _step(self, parts: Sequence[Sequence[tuple[int, Augmentation]]], *, learn: bool) -> float:
        """Learn from one batch, part after part; return its loss, NaN without labels."""
        total, shares = 0.0, self._shares(parts)
        self.optimizer.zero_grad(set_to_none=True)
        for part, share in zip(parts, shares, strict=True):
            windows = [self.windows.read(number, self.network.tunables) for number, _ in part]
            padded = torch.stack([window.mask for window in windows]).to(self.device)
            labels = torch.stack([window.labels for window in windows]).to(self.device)
            with (
                torch.set_grad_enabled(learn),
                torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config.precision == "bfloat16"),
            ):
                excerpts, augmentations = [window.excerpts for window in windows], [one for _, one in part]
                output = self.network(excerpts, augmentations, padded)
            losses, _ = target_losses(output.predictions, labels, padded, scope=self.training.scope)
            loss = (share * losses).sum()
            if learn:
                loss.backward()
            total += float(loss.detach())
        if learn:
            self.optimizer.step()
        return total if shares.any() else math.nan

    def _shares(self, parts: Sequence[Sequence[tuple[int, Augmentation]]]) -> Tensor:
        """Return how much each part's loss of each target counts in the batch's loss, (parts, k).

        A part's loss of a target is the mean over its usable windows, the batch's the mean over all of them; the loss
        is the mean over the targets that have one.
        """
        counts = np.stack([np.sum([self.windows.usable(number) for number, _ in part], axis=0) for part in parts])
        usable = torch.from_numpy(counts).to(self.device, torch.float32)
        windows = usable.sum(dim=0)
        return usable / windows.clamp_min(1) / (windows > 0).sum().clamp_min(1)

    def _validate(self) -> dict[str, float]:
        labels, predictions = [], []
        for trial in self.task.validation:
            clip = read_clip(self.task.clips / f"{trial}.h5")
            predictions.append(self.fold.predict(clip, device=self.device, labels=clip.labels).predictions)
            labels.append(clip.labels)
        low, high = np.array(self.fold.metadata["ranges"], dtype=np.float32).T
        clipped = np.concatenate(predictions).clip(low, high)
        scores = score_targets(np.concatenate(labels), clipped, targets=self.targets)
        return {target: one.ccc for target, one in scores.items()}

    def _weights(self) -> Mapping[str, Tensor]:
        return self.network.learning(self.network.released)

    def restore_best(self) -> None:
        """Load the best epoch's weights; what was released after that epoch returns to where it started."""
        assign_tensors(self.network, self.origin | self.best)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the coming epochs depend on."""
        return super().state_dict() | {"released": self.network.released}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self.release(state["released"])
        super().load_state_dict(state)


def finetune_fold(task: FinetuneTask, directory: Path) -> None:
    """Fine-tune one fold; write `FOLD` (the best epoch's weights) and `HISTORY`.

    A run that was killed continues after its last finished epoch and ends with the same bytes.

    Raises
    ------
    InputError
        The fold has no annotated frames to learn from, or a clip does not suit a backbone.
    """
    run = FoldFinetuning(task, current_device())
    run.run()
    run.restore_best()
    start, best = run.history[0], run.best_row
    summary = {"p": best["p"], "start_p": start["p"], "best_epoch": run.best_epoch, "epochs": run.epochs}
    run.fold.metadata.update(summary, released=int(best["released"]))
    run.fold.save(directory / FOLD)
    History(summary, run.history).write(directory / HISTORY)
    task.checkpoint.unlink(missing_ok=True)
