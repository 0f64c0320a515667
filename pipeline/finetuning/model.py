"""The fine-tuning of a model: folds and repeats side by side, each an item whose key holds all that reaches it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.backbones.common.config import BackboneConfig
from pipeline.backbones.common.interface import check_weights, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.settings import ClipSettings
from pipeline.evaluation.folds import Folds
from pipeline.evaluation.runs import Run, find_runs
from pipeline.finetuning.config import FinetuneConfig
from pipeline.finetuning.loop import finetune_fold
from pipeline.finetuning.predictions import PredictionTask, predict_trial
from pipeline.finetuning.task import FinetuneTask, StreamSource
from pipeline.finetuning.tunable import load_tunable
from pipeline.models.build import stream_roles
from pipeline.models.config import ModelConfig
from pipeline.models.recipe import Recipe, StreamRecipe
from pipeline.runtime.code import Code
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import materialise
from pipeline.runtime.precision import resolve_precision
from pipeline.training.history import FOLD


@dataclass(frozen=True)
class FinetunedModel:
    """What the fine-tuning of a model gives.

    Parameters
    ----------
    runs : directory of each repeat of each fold, as `finetune_fold` wrote it
    predictions : directory that `predict_trial` wrote, by fold and repeat, and trial
    """

    runs: dict[Run, Path]
    predictions: dict[tuple[Run, str], Path]


@dataclass(frozen=True)
class ModelFinetuning:
    """What is common to the folds and repeats of a model.

    Parameters
    ----------
    name : for messages
    model, backbones, finetune : sections of params.yaml
    folds : which trials each trains on and is validated on, and the test trials
    clips : folder of the clips
    digests : SHA-256 of each clip's content
    cache, executor : where results are kept, and on what they are computed
    """

    name: str
    model: ModelConfig
    backbones: Mapping[str, BackboneConfig]
    finetune: FinetuneConfig
    folds: Folds
    clips: Path
    digests: Mapping[str, str]
    cache: ItemCache
    executor: Executor

    def run(self, trained: Path) -> FinetunedModel:
        """Fine-tune every repeat of every fold, and predict, where the cache does not hold it yet.

        Parameters
        ----------
        trained : folder of the trained networks to start from

        Raises
        ------
        ConfigError
            A backbone cannot be fine-tuned, or `frozen` names one that the model does not have.
        InputError
            A trained network is missing, or a weights file is not the one of params.yaml.
        """
        streams = self._streams()
        bases = find_runs(trained, folds=len(self.folds.folds), remedy=f"run `dvc repro train@{self.name}`")
        items = {run: self._item(run, base, streams) for run, base in bases.items()}
        label = f"finetune {self.name}"
        done = materialise(list(items.values()), finetune_fold, cache=self.cache, executor=self.executor, label=label)
        runs = {run: done.paths[item.name] for run, item in items.items()}
        return FinetunedModel(runs, self._predict(items, runs, streams))

    def recipe(self, name: str, targets: Mapping[str, tuple[float, float]], clips: ClipSettings) -> Recipe:
        """Return what the fine-tuned model needs to predict a video: embeddings reach it as they are computed.

        Parameters
        ----------
        name : of the fine-tuned model
        targets : (low, high) of each
        clips : how clips are made
        """
        streams = {}
        for role, source in self._streams().items():
            package = load_backbone(source.backbone)
            streams[role] = StreamRecipe.of(
                {
                    "backbone": source.backbone,
                    "modality": package.MODALITY,
                    "dimension": package.DIMENSION,
                    "weights": source.weights.attributes,
                    "precision": "float32",
                    "batch": source.batch,
                    "store": "float32",
                    "front_end": package.FRONT_END,
                }
            )
        return Recipe(
            model=name,
            kind="fine-tuned",
            arithmetic=self.executor.arithmetic,
            targets=dict(targets),
            clips=clips,
            streams=streams,
        )

    def _predict(
        self, finetuned: Mapping[Run, Item], paths: Mapping[Run, Path], streams: Mapping[str, StreamSource]
    ) -> dict[tuple[Run, str], Path]:
        """Let each fold predict its validation trials, and the test trials: only scores tell which folds are best."""
        items = {}
        for run, path in paths.items():
            fold = self.folds.folds[run.fold]
            for trial in (*fold.validation, *self.folds.test):
                labelled = trial in fold.validation
                code = self._code("pipeline.finetuning.predictions")
                key = item_key(
                    kind="fine-tuned prediction",
                    fold=finetuned[run].key,
                    trial=[trial, self.digests[trial], labelled],
                    arithmetic=self.executor.arithmetic,
                    code=code,
                )
                task = PredictionTask(
                    fold=path / FOLD,
                    streams=tuple(streams.items()),
                    clip=self.clips / f"{trial}.h5",
                    digest=self.digests[trial],
                    labelled=labelled,
                )
                items[run, trial] = Item(f"{self.name} {run} on {trial}", key, task, code)
        label = f"predict {self.name} fine-tuned"
        done = materialise(list(items.values()), predict_trial, cache=self.cache, executor=self.executor, label=label)
        return {place: done.paths[item.name] for place, item in items.items()}

    def _streams(self) -> dict[str, StreamSource]:
        unknown = [name for name in self.finetune.frozen if name not in self.model.streams]
        if unknown:
            have = ", ".join(self.model.streams)
            raise ConfigError(f"finetune.frozen: {unknown[0]!r} is no stream of {self.name}, which has {have}")
        sources = []
        for name in self.model.streams:
            load_tunable(name)
            config = self.backbones[name]
            source = StreamSource(name, Weights.from_config(config), config.batch)
            check_weights(name, source.weights)
            sources.append(source)
        roles = stream_roles([load_backbone(name).MODALITY for name in self.model.streams])
        return dict(zip(roles, sources, strict=True))

    def _item(self, run: Run, base: Path, streams: Mapping[str, StreamSource]) -> Item:
        fold = self.folds.folds[run.fold]
        trials = {"train": fold.train, "validation": fold.validation}
        code = self._code("pipeline.finetuning.loop")
        precision = resolve_precision(self.finetune.precision, self.executor)
        finetune = self.finetune.model_copy(update={"precision": precision})
        key = item_key(
            kind="fine-tuned fold",
            fold=run.fold,
            base=sha256_file(base),
            trials={part: [[trial, self.digests[trial]] for trial in names] for part, names in trials.items()},
            streams={
                role: [source.backbone, source.weights.identity, source.batch] for role, source in streams.items()
            },
            finetune=finetune,
            arithmetic=self.executor.arithmetic,
            code=code,
        )
        task = FinetuneTask(
            fold=run.fold,
            base=base,
            clips=self.clips,
            train=fold.train,
            validation=fold.validation,
            digests={trial: self.digests[trial] for trial in (*fold.train, *fold.validation)},
            streams=streams,
            config=finetune,
            checkpoint=self.cache.checkpoint(key),
        )
        return Item(f"{self.name} {run} fine-tuned", key, task, code)

    def _code(self, module: str) -> Code:
        found_by_name = [f"pipeline.fusion.{self.model.fusion}", f"pipeline.temporal.{self.model.temporal}"]
        for name in self.model.streams:
            found_by_name += [f"pipeline.backbones.{name}", f"pipeline.finetuning.backbones.{name}"]
        return Code.of(module, *found_by_name)
