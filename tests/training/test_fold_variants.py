import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.models.config import ModelConfig
from pipeline.models.trained import SeparateTargets, TrainedFold
from pipeline.training.fold import train_fold
from pipeline.training.frames import FrameTable
from pipeline.training.loop import FoldTask, FoldTraining
from tests.training.conftest import TARGETS, TaskFactory


def _train(task: TaskFactory, directory: Path, **changed: Any) -> TrainedFold:
    directory.mkdir()
    train_fold(task(**changed), directory)
    return TrainedFold.load(directory / "fold.safetensors")


def test_separate_targets_have_a_network_each(task: TaskFactory, tmp_path: Path) -> None:
    fold = _train(task, tmp_path / "out", targets="separate", name="separate")
    assert isinstance(fold.network, SeparateTargets)
    assert list(fold.network.networks) == ["valence", "arousal"]
    mask = torch.ones(2, 20, dtype=torch.bool)
    streams = {"visual": 40 + torch.randn(2, 20, 6), "audio": 40 + torch.randn(2, 20, 4)}
    output = fold.network(streams, mask)
    assert output.predictions.shape == (2, 20, 2)
    valence = fold.network.networks["valence"](streams, mask).predictions
    assert torch.equal(output.predictions[..., :1], valence)
    assert {"stage_audio_valence", "stage_audio_arousal"} <= set(output.attention)


def test_a_separate_network_is_the_one_trained_on_its_target_alone(task: TaskFactory, tmp_path: Path) -> None:
    fold = _train(task, tmp_path / "out", targets="separate", name="separate")
    alone = FoldTraining(task(name="alone"), torch.device("cpu"), targets=("arousal",))
    alone.run()
    alone.restore_best()
    assert isinstance(fold.network, SeparateTargets)
    weights = fold.network.networks["arousal"].state_dict()
    assert weights
    for name, tensor in alone.network.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["rows"][0]["arousal_ccc"] == alone.history[0]["arousal_ccc"]


def test_a_warm_start_begins_at_the_unimodal_encoder(task: TaskFactory, tmp_path: Path) -> None:
    whole = task(name="warm")
    saved = tmp_path / "visual"
    saved.mkdir()
    FrameTable.open(whole.table).only("visual").save(saved)
    model = ModelConfig(fusion="unimodal", temporal="tcn", streams=("ir50",), encoders={"visual": {"channels": [8, 8]}})
    alone = FoldTask(**{**vars(whole), "table": saved, "model": model, "checkpoint": tmp_path / "alone"})
    (tmp_path / "out").mkdir()
    train_fold(alone, tmp_path / "out")
    trained = TrainedFold.load(tmp_path / "out" / "fold.safetensors").network.state_dict()

    warm = FoldTask(**{**vars(whole), "warm_start": {"visual": tmp_path / "out" / "fold.safetensors"}})
    started = FoldTraining(warm, torch.device("cpu")).network.state_dict()
    cold = FoldTraining(whole, torch.device("cpu")).network.state_dict()
    encoder = [name for name in started if name.startswith("model.encoders.visual.")]
    assert encoder
    for name in encoder:
        assert torch.equal(started[name], trained[name]), name
    assert torch.equal(started["model.system.steps.0.W_ja"], cold["model.system.steps.0.W_ja"])
    assert any(not torch.equal(started[name], cold[name]) for name in encoder)


@pytest.mark.parametrize("fusion", ["concatenation", "lstm", "self_attention", "cross_attention", "leader_follower"])
def test_a_loaded_fold_predicts_what_the_training_scored(task: TaskFactory, tmp_path: Path, fusion: str) -> None:
    whole = task(name=fusion)
    model = whole.model.model_copy(update={"fusion": fusion, "options": {}})
    (tmp_path / "out").mkdir()
    train_fold(FoldTask(**{**vars(whole), "model": model}), tmp_path / "out")
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    table = FrameTable.open(whole.table)
    predictions, labels = [], []
    for trial in whole.validation:
        rows = table.rows(trial)
        answer = fold.predict({role: x[rows] for role, x in table.streams.items()})
        predictions.append(answer.predictions)
        labels.append(table.labels[rows])
    scores = score_targets(np.concatenate(labels), np.concatenate(predictions), targets=list(TARGETS))
    assert overall(scores) == pytest.approx(fold.metadata["p"], abs=1e-5)
