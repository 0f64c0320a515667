"""What the networks of a trained model predict for a trial: items, computed side by side and kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from pipeline.clips.clip import check_clip, read_clip
from pipeline.evaluation.prediction_file import write_predictions
from pipeline.evaluation.runs import Run
from pipeline.features.store import FeatureStore
from pipeline.models.config import ModelConfig
from pipeline.models.trained import TrainedFold
from pipeline.runtime.code import Code
from pipeline.runtime.device import current_device
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import materialise


@dataclass(frozen=True)
class PredictionTask:
    """One trial for one network.

    Parameters
    ----------
    trial : name
    network : file of the trained fold, and its SHA-256
    features : by role the store, its fingerprint, and the digest of the trial
    clip : file of the trial
    labels : SHA-256 of its labels: ``gaps: compact`` leaves out frames without any; None for a test trial
    """

    trial: str
    network: tuple[Path, str]
    features: tuple[tuple[str, Path, str, str], ...]
    clip: Path
    labels: str | None


def predict_trial(task: PredictionTask, directory: Path) -> None:
    """Predict every frame of a trial.

    Raises
    ------
    InputError
        The network, the features or the labels are not those that the item's key was made from.
    """
    streams = {}
    for role, path, fingerprint, digest in task.features:
        store = _open(path, fingerprint)
        if store.digest(task.trial) != digest:
            raise _changed(path, task.trial)
        streams[role] = store.read(task.trial).embedding
    labels = None
    if task.labels is not None:
        clip = read_clip(task.clip, faces=False, audio=False)
        check_clip(task.clip, claimed=task.labels, found=clip.labels_digest())
        labels = clip.labels
    device = current_device()
    write_predictions(directory, _load(*task.network, str(device)).predict(streams, device=device, labels=labels))


@lru_cache(maxsize=3)
def _open(path: Path, fingerprint: str) -> FeatureStore:
    """Open a store once per worker; it is another one where its fingerprint is."""
    store = FeatureStore.open(path)
    if store.attributes["fingerprint"] != fingerprint:
        raise _changed(path, None)
    return store


@lru_cache(maxsize=1)
def _load(path: Path, checksum: str, device: str) -> TrainedFold:
    """Load a network once for the trials that follow each other in a worker; `device` is where it then lies."""
    if sha256_file(path) != checksum:
        raise _changed(path, None)
    return TrainedFold.load(path)


def _changed(path: Path, trial: str | None) -> InputError:
    problem = Problem("it changed while the stage ran", file=str(path), trial=trial, remedy="run `dvc repro` again")
    return InputError("other inputs than at the start", [problem])


@dataclass(frozen=True)
class ModelPredictions:
    """The predictions of one model.

    Parameters
    ----------
    name : for messages
    model : section of params.yaml
    runs : file of every repeat of every fold
    stores : by role
    labels : SHA-256 of each trial's labels, of those that are not test trials
    clips : folder of the clips
    cache, executor : where results are kept, and on what they are computed
    """

    name: str
    model: ModelConfig
    runs: Mapping[Run, Path]
    stores: Mapping[str, FeatureStore]
    labels: Mapping[str, str]
    clips: Path
    cache: ItemCache
    executor: Executor

    def predict(self, wanted: Sequence[tuple[Run, str]]) -> dict[tuple[Run, str], Path]:
        """Return the directory of each prediction, after computing those that the cache does not hold.

        Parameters
        ----------
        wanted : which network is to predict which trial
        """
        # A worker loads a network once for the trials that follow each other.
        items = {(run, trial): self._item(run, trial) for run, trial in sorted(wanted)}
        label = f"predict {self.name}"
        done = materialise(list(items.values()), predict_trial, cache=self.cache, executor=self.executor, label=label)
        return {place: done.paths[item.name] for place, item in items.items()}

    @cached_property
    def _checksums(self) -> dict[Run, str]:
        return {run: sha256_file(path) for run, path in self.runs.items()}

    def _item(self, run: Run, trial: str) -> Item:
        code = Code.of(
            "pipeline.evaluation.predict",
            f"pipeline.fusion.{self.model.fusion}",
            f"pipeline.temporal.{self.model.temporal}",
        )
        digests = {role: store.digest(trial) for role, store in self.stores.items()}
        key = item_key(
            kind="prediction",
            network=self._checksums[run],
            features=digests,
            labels=self.labels.get(trial),
            arithmetic=self.executor.arithmetic,
            code=code,
        )
        task = PredictionTask(
            trial=trial,
            network=(self.runs[run].absolute(), self._checksums[run]),
            features=tuple(
                (role, store.path.absolute(), store.attributes["fingerprint"], digests[role])
                for role, store in self.stores.items()
            ),
            clip=self.clips / f"{trial}.h5",
            labels=self.labels.get(trial),
        )
        return Item(f"{self.name} {run} on {trial}", key, task, code)
