"""Training on the simulated trials with the project's own training, and predictions of the held-out trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks._complementarity_simulation import MODALITIES, Trial, World
from pipeline.evaluation.folds import Fold
from pipeline.evaluation.runs import Run
from pipeline.models.config import ModelConfig
from pipeline.models.trained import TrainedFold, predict_frames
from pipeline.models.windows import cut_windows
from pipeline.runtime.executor import Executor, one_thread
from pipeline.runtime.items import ItemCache
from pipeline.training.config import TrainingConfig
from pipeline.training.frames import FrameTable, join_frames
from pipeline.training.history import FOLD
from pipeline.training.model import ModelTraining

SIZES = (20, 80, 320)
"""Training trials."""

DRAWS = 5
"""How often training and validation trials are redrawn, each time with another training seed."""

VALIDATION, HELD_OUT = 16, 60
"""Trials that choose the epoch, drawn with the training trials, and trials that all draws are scored on."""

EPOCHS = {20: 40, 80: 30, 320: 8}
TRAINING = TrainingConfig(
    window=100,
    hop=80,
    batch=16,
    learning_rate=2e-3,
    warm_up="linear",
    warm_up_epochs=2,
    min_learning_rate=1e-6,
    early_stopping=8,
)
TARGETS = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}

CONCATENATION, JCA, RJCA, GRJCA, SOFT = "concatenation", "JCA", "RJCA", "GRJCA, T = 0.1", "GRJCA, T = 1"
LEADER, GATE = "leader-follower", "reliability gate"
CONCATENATION_DROPOUT, GATE_DROPOUT = "concatenation, modality dropout", "reliability gate, modality dropout"
FACE, VOICE = "face alone", "voice alone"
PUBLISHED = (CONCATENATION, JCA, RJCA, GRJCA, SOFT, LEADER)
FUSIONS = (*PUBLISHED, GATE, CONCATENATION_DROPOUT, GATE_DROPOUT)
DROPOUT = 0.5
"""Probability of modality dropout, where there is any."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Corpus:
    """The simulated trials: those that all draws are scored on, and each draw's own."""

    held_out: tuple[Trial, ...]
    training: tuple[tuple[Trial, ...], ...]
    validation: tuple[tuple[Trial, ...], ...]


@dataclass(frozen=True)
class Predicted:
    """A trained model's predictions for the frames of all held-out trials, (t, k), and its gates by name, (t, ...)."""

    predictions: Array
    attention: Mapping[str, Array]


Runs = Mapping[str, Mapping[int, Sequence[Predicted]]]
"""By model and number of training trials, a prediction for each draw."""


def simulate(
    seed: int,
    *,
    sizes: Sequence[int] = SIZES,
    draws: int = DRAWS,
    validation: int = VALIDATION,
    held_out: int = HELD_OUT,
) -> Corpus:
    """Draw a world and its trials; a smaller training set is the beginning of a larger one."""
    world = World(seed)

    def group(name: str, count: int) -> tuple[Trial, ...]:
        return tuple(world.trial(name, number) for number in range(count))

    return Corpus(
        held_out=group("held-out", held_out),
        training=tuple(group(f"training-{draw}", max(sizes)) for draw in range(draws)),
        validation=tuple(group(f"validation-{draw}", validation) for draw in range(draws)),
    )


def models() -> dict[str, tuple[ModelConfig, float]]:
    """Return each model with its probability of modality dropout."""

    def model(fusion: str, *streams: str, **options: Any) -> ModelConfig:
        encoders = {role: {"channels": [32]} for role in streams}
        return ModelConfig(fusion=fusion, streams=streams, temporal="tcn", encoders=encoders, options=options)

    return {
        CONCATENATION: (model("concatenation", *MODALITIES), 0.0),
        JCA: (model("joint_cross_attention", *MODALITIES), 0.0),
        RJCA: (model("joint_cross_attention", *MODALITIES, iterations=2), 0.0),
        GRJCA: (model("gated_joint_cross_attention", *MODALITIES, temperature=0.1), 0.0),
        SOFT: (model("gated_joint_cross_attention", *MODALITIES, temperature=1.0), 0.0),
        LEADER: (model("leader_follower", *MODALITIES), 0.0),
        GATE: (model("reliability_gate", *MODALITIES), 0.0),
        CONCATENATION_DROPOUT: (model("concatenation", *MODALITIES), DROPOUT),
        GATE_DROPOUT: (model("reliability_gate", *MODALITIES), DROPOUT),
        FACE: (model("unimodal", "visual"), 0.0),
        VOICE: (model("unimodal", "audio"), 0.0),
    }


def train(
    corpus: Corpus,
    *,
    sizes: Sequence[int] = SIZES,
    executor: Executor,
    cache: ItemCache,
    epochs: Mapping[int, int] = EPOCHS,
) -> dict[str, dict[int, list[Predicted]]]:
    """Train what the cache does not hold, the small sets first, and predict the held-out trials."""
    runs: dict[str, dict[int, list[Predicted]]] = {name: {} for name in models()}
    for size in sizes:
        for name, (model, dropout) in models().items():
            training = ModelTraining(
                name=f"{name}, {size} trials",
                model=model,
                training=TRAINING.model_copy(update={"epochs": epochs[size], "modality_dropout": dropout}),
                targets=TARGETS,
                folds=[_fold(corpus, draw, size) for draw in range(len(corpus.training))],
                cache=cache,
                executor=executor,
            )
            paths = training.run(table_of(corpus, model.streams, size))
            with one_thread():
                runs[name][size] = [_predict(paths[run] / FOLD, corpus.held_out) for run in sorted(paths, key=_draw)]
    return runs


def table_of(corpus: Corpus, streams: Sequence[str], size: int) -> FrameTable:
    """Join the trials that the draws train on and are validated on, with `size` training trials each."""
    trials = [one for of_draw in corpus.training for one in of_draw[:size]]
    trials += [one for of_draw in corpus.validation for one in of_draw]
    return join_frames(
        {role: {one.name: one.features[role].astype(np.float16) for one in trials} for role in streams},
        {one.name: one.labels for one in trials},
        trials=[one.name for one in trials],
    )


def _fold(corpus: Corpus, draw: int, size: int) -> Fold:
    return Fold(
        train=tuple(one.name for one in corpus.training[draw][:size]),
        validation=tuple(one.name for one in corpus.validation[draw]),
    )


def _draw(run: Run) -> int:
    return run.fold


def _predict(path: Path, trials: Sequence[Trial]) -> Predicted:
    """Predict all trials in one go, each in its own windows."""
    network = TrainedFold.load(path).network
    roles = [role for role in MODALITIES if f"standardise.{role}.mean" in network.state_dict()]
    streams = {
        role: torch.from_numpy(np.concatenate([one.features[role].astype(np.float16) for one in trials]))
        for role in roles
    }
    ends = np.cumsum([len(one.labels) for one in trials])
    rows = [np.arange(end - len(one.labels), end) for one, end in zip(trials, ends, strict=True)]
    windows = cut_windows(rows, window=TRAINING.window, hop=TRAINING.hop)
    found = {
        name: values.numpy()
        for name, values in predict_frames(network, streams, windows, frames=int(ends[-1]), attention=True).items()
    }
    return Predicted(found.pop("predictions"), found)
