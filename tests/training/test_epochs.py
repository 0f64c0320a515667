import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.training.epochs import mean_loss
from pipeline.training.loop import FoldTraining
from tests.training.conftest import make_task


def test_a_batch_without_labels_does_not_count_in_the_loss() -> None:
    assert mean_loss([(0.5, 4), (math.nan, 4), (1.0, 2)]) == pytest.approx((0.5 * 4 + 1.0 * 2) / 6)
    assert math.isnan(mean_loss([(math.nan, 4)]))


def test_windows_without_labels_leave_the_training_loss_as_it_is(tmp_path: Path) -> None:
    task = make_task(tmp_path, batch=1)
    labels = np.load(task.table / "labels.npy")
    labels[:40] = np.nan
    np.save(task.table / "labels.npy", labels)
    training = FoldTraining(task, torch.device("cpu"))
    losses = [training._step(torch.tensor([number]), {}) for number in range(len(training.train_windows))]
    blank = [number for number, loss in enumerate(losses) if math.isnan(loss)]
    assert blank == [0, 1, 2], "windows of 20 frames, every 10, within the first 40"
    assert 0 < training._learn(0) < 2
