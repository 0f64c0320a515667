"""The epochs of the training of one fold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.evaluation.metrics import score_targets
from pipeline.fusion.blocks.voting import VotingHead
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.standardise import Standardise
from pipeline.models.trained import StandardisedNetwork, load_encoder, predict_frames
from pipeline.models.views import centre_view, choose_views, gather_windows
from pipeline.models.windows import Windows, cut_windows, kept_frames
from pipeline.runtime.errors import InputError, Problem
from pipeline.training.config import TrainingConfig
from pipeline.training.epochs import EpochLoop, mean_loss
from pipeline.training.frames import FrameTable
from pipeline.training.loss import mean_over_targets, target_losses
from pipeline.training.modality_dropout import ModalityDropout, Replacements
from pipeline.training.votes import held_out_errors, vote_loss


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


class FoldTraining(EpochLoop):
    """The training of one network of one fold.

    Parameters
    ----------
    task : what to train
    device : where
    targets : which targets the network predicts; all of the task's unless given

    Raises
    ------
    InputError
        A target has no annotated frame to learn from, or to validate on.
    """

    config: TrainingConfig
    network: StandardisedNetwork

    def __init__(self, task: FoldTask, device: torch.device, *, targets: Sequence[str] | None = None) -> None:
        checkpoint = task.checkpoint
        if targets is not None:
            checkpoint = checkpoint.with_name(f"{checkpoint.name}-{'-'.join(targets)}")
        super().__init__(task.training, checkpoint=checkpoint, seed=task.training.seed + task.fold, device=device)
        self.task = task
        self.targets = tuple(task.targets if targets is None else targets)
        table = FrameTable.open(task.table)
        self.labels = np.asarray(table.labels)[:, [list(task.targets).index(target) for target in self.targets]]
        self._require_labels(table)
        kept = {trial: self._kept(table, trial) for trial in (*task.train, *task.validation)}
        self.train_windows = self._cut(kept[trial] for trial in task.train)
        self.validation_windows = self._cut(kept[trial] for trial in task.validation)
        self._labels = torch.from_numpy(self.labels).to(device)
        self.views = table.views
        self._streams = {role: torch.from_numpy(x).to(device) for role, x in table.streams.items()}
        self._index = torch.from_numpy(self.train_windows.index).to(device)
        self._mask = torch.from_numpy(self.train_windows.mask).to(device)
        statistics = {
            role: Standardise.from_moments(
                table.moments(role, task.train, gaps=self.config.gaps), kind=self.config.standardise
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
        rows = [kept[trial] for trial in task.train if len(kept[trial])]
        self._errors: Tensor | None = None
        if isinstance(self.network.model.head, VotingHead):
            self._require_two(rows, "reliability is learned from held-out trials")
            centre = {role: centre_view(x) for role, x in table.streams.items()}
            self._errors = torch.from_numpy(held_out_errors(centre, self.labels, rows)).to(device)
        self._dropout: ModalityDropout | None = None
        self._replaced: Replacements | None = None
        if self.config.modality_dropout > 0 and len(table.streams) > 1:
            self._require_two(rows, "modality_dropout takes stretches of other trials")
            self._dropout = ModalityDropout(
                self.config.modality_dropout,
                trial=self._trial_of_window(rows),
                frames=self._mask.sum(dim=1).cpu(),
                missing={role: torch.from_numpy(x).to(device) for role, x in table.missing.items()},
            )
        self.begin_phase()

    def _learn(self, epoch: int) -> float:
        """Learn from every window once, in a new order, each in a view chosen for it."""
        order = torch.randperm(len(self._index), generator=self.generator).to(self.device)
        chosen = choose_views(self._streams, len(order), generator=self.generator)
        if self._dropout is not None:
            self._replaced = self._dropout.draw(list(self._streams), generator=self.generator).to(self.device)
        batches = torch.split(order, self.config.batch)
        losses: list[tuple[float, int]] = []
        self.network.train()
        for number, batch in enumerate(batches):
            self.schedule.step_batch(epoch=epoch, batch=number, batches=len(batches))
            losses.append((self._step(batch, {role: view[batch] for role, view in chosen.items()}), len(batch)))
        return mean_loss(losses)

    def _step(self, batch: Tensor, chosen: Mapping[str, Tensor]) -> float:
        """Learn from one batch of windows in their chosen views; return the predictions' loss, NaN without labels."""
        index, padded = self._index[batch], self._mask[batch]
        streams = {role: gather_windows(x, index, chosen.get(role)).float() for role, x in self._streams.items()}
        own = None
        if self._dropout is not None and self._replaced is not None:
            replaced = self._replaced[batch]
            streams = self._dropout.apply(streams, self._streams, self._index, chosen, replaced)
            own = replaced.untouched(len(streams), index.shape[1])
        reduced = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=reduced):
            output = self.network(streams, padded)
        labels, scope = self._labels[index], self.config.scope
        of_targets, windows = target_losses(output.predictions, labels, padded, scope=scope)
        loss = total = mean_over_targets(of_targets, windows)
        if output.votes is not None and self._errors is not None:
            total = loss + vote_loss(output.votes, labels, padded, self._errors[index], own=own, scope=scope)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach()) if windows.any() else math.nan

    def _validate(self) -> dict[str, float]:
        self.network.eval()
        rows = np.unique(self.validation_windows.index)
        # Numbered through from 0: the windows of the validation trials cover exactly these rows.
        local = Windows(np.searchsorted(rows, self.validation_windows.index), self.validation_windows.mask)
        # Each batch is gathered from the table: a copy of all validation frames would be a sixth of it, per worker.
        place = torch.from_numpy(rows).to(self.device)
        centre = {role: centre_view(x) for role, x in self._streams.items()}
        predicted = predict_frames(self.network, centre, local, frames=len(rows), rows=place)
        predictions = predicted["predictions"].cpu().numpy()
        low, high = np.array([self.task.targets[target] for target in self.targets], dtype=np.float32).T
        scores = score_targets(self.labels[rows], predictions.clip(low, high), targets=self.targets)
        return {target: one.ccc for target, one in scores.items()}

    def _kept(self, table: FrameTable, trial: str) -> npt.NDArray[np.int64]:
        """Return the rows of the frames of a trial that the network looks at."""
        rows = table.rows(trial)
        return rows[kept_frames(table.labels[rows], gaps=self.config.gaps)]

    def _trial_of_window(self, trials: Sequence[npt.NDArray[np.int64]]) -> Tensor:
        """Return (n,): the place of each training window's trial among `trials`, given by their rows."""
        place = np.empty(len(self.labels), dtype=np.int64)
        for number, rows in enumerate(trials):
            place[rows] = number
        return torch.from_numpy(place[self.train_windows.index[:, 0]])

    def _require_two(self, trials: Sequence[npt.NDArray[np.int64]], reason: str) -> None:
        if len(trials) < 2:
            message = f"fold {self.task.fold}: {len(trials)} training trials with frames, but {reason}"
            raise InputError("too few trials", [Problem(message, remedy="take more trials, or fewer folds")])

    def _cut(self, trials: Iterable[npt.NDArray[np.int64]]) -> Windows:
        return cut_windows(list(trials), window=self.config.window, hop=self.config.hop)

    def _require_labels(self, table: FrameTable) -> None:
        problems = []
        for part, trials in (("training", self.task.train), ("validation", self.task.validation)):
            for column, target in enumerate(self.targets):
                if all(np.isnan(self.labels[table.rows(trial), column]).all() for trial in trials):
                    message = f"fold {self.task.fold}: {target} is annotated in none of its {len(trials)} {part} trials"
                    problems.append(Problem(message, remedy="look at data/folds.json and data/clips/manifest.csv"))
        if problems:
            raise InputError("nothing to learn from", problems)
