"""The training of a model: folds and repeats side by side, each an item whose key holds all that reaches it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.evaluation.folds import Fold
from pipeline.evaluation.runs import Run, all_runs
from pipeline.models.config import ModelConfig
from pipeline.runtime.code import Code
from pipeline.runtime.executor import Executor
from pipeline.runtime.folders import work_folder
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import materialise
from pipeline.runtime.precision import resolve_precision
from pipeline.runtime.seeds import Seeds
from pipeline.training.config import TrainingConfig
from pipeline.training.fold import train_fold
from pipeline.training.frames import FrameSource
from pipeline.training.history import FOLD
from pipeline.training.loop import FoldTask


@dataclass(frozen=True)
class ModelTraining:
    """What is common to the folds and repeats of a model.

    Parameters
    ----------
    name : for messages
    model, training, targets : sections of params.yaml
    folds : which trials each trains on and is validated on
    cache, executor : where results are kept, and on what they are computed
    seeds : the last run's folds, for what the cache lacks
    """

    name: str
    model: ModelConfig
    training: TrainingConfig
    targets: Mapping[str, tuple[float, float]]
    folds: Sequence[Fold]
    cache: ItemCache
    executor: Executor
    seeds: Seeds | None = None

    def run(self, frames: FrameSource) -> dict[Run, Path]:
        """Train what the cache does not hold yet; return the directory of each repeat of each fold.

        A repeat is the item of a model that is configured with the repeat's seed. With ``warm_start: unimodal`` the
        unimodal models come first, in as many repeats. They are the items of a model that is configured so on its own,
        hence trained once.

        Frames are read only where a fold is missing: into a table under the cache root, which all workers map.
        """
        warm: dict[str, dict[Run, Path]] = {}
        if self.training.warm_start == "unimodal":
            warm = {role: self._unimodal(role, stream).run(frames.only(role)) for role, stream in self._roles(frames)}
        with work_folder(self.cache.root / "tmp") as saved:
            runs = all_runs(range(len(self.folds)), repeats=self.training.repeats)
            items = {run: self._item(run, frames, saved, warm) for run in runs}
            label = f"train {self.name}"
            done = materialise(
                list(items.values()),
                train_fold,
                cache=self.cache,
                executor=self.executor,
                label=label,
                seeds=self.seeds,
                before=lambda: frames.save(saved),
            )
        return {run: done.paths[item.name] for run, item in items.items()}

    def _item(self, run: Run, frames: FrameSource, saved: Path, warm: Mapping[str, Mapping[Run, Path]]) -> Item:
        fold = self.folds[run.fold]
        precision = resolve_precision(self.training.precision, self.executor)
        training = self.training.of_repeat(run.repeat).model_copy(update={"precision": precision})
        trials = {"train": fold.train, "validation": fold.validation}
        code = Code.of(
            "pipeline.training.fold",
            "pipeline.training.stored_frames",
            f"pipeline.fusion.{self.model.fusion}",
            f"pipeline.temporal.{self.model.temporal}",
        )
        key = item_key(
            kind="fold",
            fold=run.fold,
            trials={part: [[trial, frames.digest(trial)] for trial in names] for part, names in trials.items()},
            model=self.model.architecture(),
            training=training,
            missing={role: x.tolist() for role, x in frames.missing.items()} if training.modality_dropout > 0 else {},
            targets=[[target, *limits] for target, limits in self.targets.items()],
            arithmetic=self.executor.arithmetic,
            warm_start={role: paths[run].parent.name for role, paths in warm.items()},
            code=code,
        )
        task = FoldTask(
            fold=run.fold,
            table=saved,
            model=self.model,
            training=training,
            targets=self.targets,
            checkpoint=self.cache.checkpoint(key),
            warm_start={role: paths[run] / FOLD for role, paths in warm.items()},
            train=fold.train,
            validation=fold.validation,
        )
        return Item(f"{self.name} {run}", key, task, code)

    def _roles(self, frames: FrameSource) -> list[tuple[str, str]]:
        return list(zip(frames.roles, self.model.streams, strict=True))

    def _unimodal(self, role: str, stream: str) -> "ModelTraining":
        modality = role.partition("_")[0]
        encoders = {modality: self.model.encoders[role]} if role in self.model.encoders else {}
        return replace(
            self,
            name=f"{self.name} ({stream} alone)",
            model=ModelConfig(fusion="unimodal", streams=(stream,), temporal=self.model.temporal, encoders=encoders),
            training=self.training.model_copy(update={"warm_start": "none"}),
            seeds=None,
        )
