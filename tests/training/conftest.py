"""A small table of frames whose features tell the targets, and tasks to train on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.models.config import ModelConfig
from pipeline.training.config import TrainingConfig
from pipeline.training.frames import FrameTable, join_frames
from pipeline.training.loop import FoldTask, FoldTraining

TRAIN, VALIDATION = ("a", "b", "c", "d"), ("e", "f")
TARGETS = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
SETTINGS = TrainingConfig(
    window=20, hop=10, batch=4, learning_rate=3e-3, warm_up="linear", warm_up_epochs=1, epochs=5, early_stopping=4
)
MODEL = ModelConfig(
    fusion="gated_joint_cross_attention",
    streams=("ir50", "vggish"),
    temporal="tcn",
    encoders={"visual": {"channels": [8, 8]}, "audio": {"channels": [8]}},
    options={"hidden": 8, "dropout": 0.2},
)

TaskFactory = Callable[..., FoldTask]


class ScoredTraining(FoldTraining):
    """A training whose validation scores are given: one P for each epoch, the last one for all that follow."""

    def __init__(self, task: FoldTask, *p: float) -> None:
        super().__init__(task, torch.device("cpu"))
        self.p = p

    def _validate(self) -> dict[str, float]:
        return dict.fromkeys(self.targets, self.p[min(len(self.history), len(self.p) - 1)])


def make_table() -> FrameTable:
    """Return a table in which the first visual and the first audio dimension tell one target each.

    Some frames have no label, and the last ones lack first arousal, then both, as where raters answer late.
    """
    random = np.random.default_rng(5)
    features: dict[str, dict[str, np.ndarray]] = {"visual": {}, "audio": {}}
    labels = {}
    for number, trial in enumerate((*TRAIN, *VALIDATION)):
        frames = 45 + 7 * number
        latent = np.sin(np.arange(frames)[:, None] / [6.0, 9.0] + number)
        labels[trial] = latent.astype(np.float32)
        labels[trial][:: 11 + number] = np.nan
        labels[trial][-8:, 1] = labels[trial][-3:, 0] = np.nan
        for role, column, width in (("visual", 0, 6), ("audio", 1, 4)):
            x = random.normal(0, 0.3, (frames, width))
            x[:, 0] += latent[:, column]
            features[role][trial] = (3 * x + 40).astype(np.float16)
    return join_frames(features, labels, trials=(*TRAIN, *VALIDATION))


def make_task(folder: Path, *, name: str = "checkpoint", **training: Any) -> FoldTask:
    """Return fold 1 of a small GRJCA, with its table saved below `folder`."""
    table = folder / "table"
    if not table.exists():
        table.mkdir(parents=True)
        make_table().save(table)
    return FoldTask(
        fold=1,
        train=TRAIN,
        validation=VALIDATION,
        table=table,
        model=MODEL,
        training=SETTINGS.model_copy(update=training),
        targets=TARGETS,
        checkpoint=folder / "checkpoints" / name,
    )


@pytest.fixture
def table() -> FrameTable:
    return make_table()


@pytest.fixture
def task(tmp_path: Path) -> TaskFactory:
    return lambda **changed: make_task(tmp_path, **changed)
