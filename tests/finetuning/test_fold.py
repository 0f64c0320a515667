import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import read_clip
from pipeline.evaluation.metrics import score
from pipeline.evaluation.prediction_file import read_predictions
from pipeline.finetuning.fold import FinetunedFold
from pipeline.finetuning.loop import finetune_fold
from pipeline.finetuning.predictions import PredictionTask, predict_trial
from pipeline.finetuning.release import released_names
from pipeline.finetuning.task import FinetuneTask
from pipeline.finetuning.tunable import load_tunable
from pipeline.models.trained import FramePredictions, TrainedFold
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import sha256_file
from pipeline.training.history import FOLD, HISTORY
from tests.finetuning.factory import (
    MODEL,
    SOURCES,
    TEST,
    TRAINING,
    VALIDATION,
    make_task,
    narrow_backbones,
    scored,
    train_base,
    worst_start,
    write_clips,
)

FILES = (FOLD, HISTORY)
WEIGHTS = {"ir50": Weights(), "vggish": Weights()}
RELEASES: dict[str, Any] = {"epochs": 4, "windows": 4, "plateau_patience": 0, "min_learning_rate": 2e-3}


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with narrow_backbones():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("finetune")
    clips = write_clips(folder / "clips")
    return clips, train_base(folder / "base", clips, training=TRAINING.model_copy(update={"epochs": 4}))


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory, material: tuple[Path, Path]) -> Path:
    """The item of a fold that was fine-tuned in one go."""
    folder = tmp_path_factory.mktemp("finetuned")
    task = make_task(folder, *material, **RELEASES)
    (folder / "out").mkdir()
    with worst_start():
        finetune_fold(task, folder / "out")
    assert not task.checkpoint.exists()
    return folder / "out"


def digests(task: FinetuneTask, directory: Path) -> list[str]:
    directory.mkdir()
    with worst_start():
        finetune_fold(task, directory)
    return [sha256_file(directory / name) for name in FILES]


def predict(finetuned: Path, clips: Path, trial: str) -> FramePredictions:
    directory = finetuned.with_name(f"{finetuned.name}-{trial}")
    directory.mkdir(exist_ok=True)
    labelled = trial in VALIDATION
    clip = clips / f"{trial}.h5"
    task = PredictionTask(finetuned / FOLD, tuple(SOURCES.items()), clip, read_clip(clip).digest(), labelled)
    predict_trial(task, directory)
    return read_predictions(directory)


def test_the_predictions_are_those_that_were_scored(finetuned: Path, material: tuple[Path, Path]) -> None:
    predictions = {trial: predict(finetuned, material[0], trial) for trial in (*VALIDATION, *TEST)}
    clips = {trial: read_clip(material[0] / f"{trial}.h5") for trial in predictions}
    for trial, answer in predictions.items():
        assert answer.predictions.shape == (len(clips[trial]), 2)
        assert np.isfinite(answer.predictions).all()
        assert answer.attention["visual"].shape == (len(clips[trial]), 2, 2)
    labels = np.concatenate([clips[trial].labels for trial in VALIDATION])
    predicted = np.concatenate([predictions[trial].predictions for trial in VALIDATION])
    history = json.loads((finetuned / HISTORY).read_text())
    p = np.mean([score(labels[:, k], predicted[:, k]).ccc for k in (0, 1)])
    assert p == pytest.approx(history["summary"]["p"], abs=1e-6)
    assert history["summary"]["p"] == max(row["p"] for row in history["rows"])
    assert history["summary"]["start_p"] == history["rows"][0]["p"] == -1


def test_a_saved_fold_says_how_it_was_fine_tuned(finetuned: Path) -> None:
    fold = FinetunedFold.load(finetuned / FOLD, WEIGHTS)
    summary = json.loads((finetuned / HISTORY).read_text())["summary"]
    assert {name: fold.metadata[name] for name in summary} == summary
    assert fold.metadata["finetune"]["plateau_patience"] == 0
    assert fold.metadata["best_epoch"] >= 0


def test_only_what_differs_from_the_published_weights_is_kept(finetuned: Path) -> None:
    released = FinetunedFold.load(finetuned / FOLD, WEIGHTS).metadata["released"]
    with safe_open(finetuned / FOLD, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("backbones.")]  # noqa: SIM118
    assert released >= 1
    expected = [
        f"backbones.{role}.{name}"
        for role, source in SOURCES.items()
        for name in released_names(
            load_backbone(source.backbone).build(source.weights), load_tunable(source.backbone).RELEASE, released
        )
    ]
    assert sorted(names) == sorted(expected)


def test_a_fold_of_another_kind_or_other_weights_is_refused(finetuned: Path, material: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="it is not a fine-tuned fold of schema 1"):
        FinetunedFold.load(material[1], WEIGHTS)
    with pytest.raises(InputError, match="it is not a trained fold"):
        TrainedFold.load(finetuned / FOLD)
    with pytest.raises(InputError, match=r"visual: fine-tuned from random:0, given random:5"):
        FinetunedFold.load(finetuned / FOLD, {**WEIGHTS, "ir50": Weights(seed=5)})


def test_a_run_without_a_better_epoch_gives_the_start_back(material: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with scored(0.5, 0.4):
        finetune_fold(make_task(tmp_path, *material, epochs=1, windows=2), tmp_path / "out")
    fold = FinetunedFold.load(tmp_path / "out" / FOLD, WEIGHTS)
    assert fold.metadata["best_epoch"] == -1
    start = TrainedFold.load(material[1]).network.state_dict()
    for name, tensor in fold.network.fusion.state_dict().items():
        assert torch.equal(tensor, start[name]), name


def test_the_order_of_the_streams_is_kept(material: tuple[Path, Path], tmp_path: Path) -> None:
    model = MODEL.model_copy(update={"fusion": "concatenation", "options": {"width": 8, "hidden": 8}})
    training = TRAINING.model_copy(update={"epochs": 3})
    base = train_base(tmp_path / "base", material[0], training=training, model=model)
    (tmp_path / "out").mkdir()
    finetune_fold(make_task(tmp_path, material[0], base, epochs=1, windows=2), tmp_path / "out")
    predicted = np.concatenate([predict(tmp_path / "out", material[0], trial).predictions for trial in VALIDATION])
    labels = np.concatenate([read_clip(material[0] / f"{trial}.h5").labels for trial in VALIDATION])
    p = np.mean([score(labels[:, k], predicted[:, k]).ccc for k in (0, 1)])
    assert p == pytest.approx(json.loads((tmp_path / "out" / HISTORY).read_text())["summary"]["p"], abs=1e-6)


@pytest.mark.parametrize(
    "changed", [{"gaps": "compact"}, {"targets": "separate"}, {"gaps": "compact", "targets": "separate"}]
)
def test_other_trainings_can_be_fine_tuned(
    material: tuple[Path, Path], tmp_path: Path, changed: dict[str, str]
) -> None:
    training = TRAINING.model_copy(update={"epochs": 2, **changed})
    base = train_base(tmp_path / "base", material[0], training=training)
    (tmp_path / "out").mkdir()
    finetune_fold(make_task(tmp_path, material[0], base, epochs=1, windows=4), tmp_path / "out")
    rows = json.loads((tmp_path / "out" / HISTORY).read_text())["rows"]
    assert [row["epoch"] for row in rows] == [-1, 0]
    assert rows[0]["p"] == pytest.approx(TrainedFold.load(base).metadata["p"], abs=5e-3)
    labels = read_clip(material[0] / "d.h5").labels
    missing = np.isnan(predict(tmp_path / "out", material[0], "d").predictions).any(axis=1)
    left_out = np.isnan(labels).all(axis=1) & ("gaps" in changed)
    assert np.array_equal(missing, left_out)
    assert left_out.any() == ("gaps" in changed)
    assert (np.isnan(labels).any(axis=1) & ~np.isnan(labels).all(axis=1)).any()
    assert np.isfinite(predict(tmp_path / "out", material[0], "f").predictions).all()


KILLED = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {root!r})
torch.set_num_threads(1)
from pipeline.finetuning.loop import finetune_fold
from pipeline.finetuning.loop import FoldFinetuning
from tests.finetuning.factory import make_task, narrow_backbones, worst_start
save = FoldFinetuning.save
def save_and_wait(self):
    save(self)
    print(len(self.history), flush=True)
    if len(self.history) == 3:
        sys.stdin.read()
FoldFinetuning.save = save_and_wait
folder = Path({folder!r})
with narrow_backbones(), worst_start():
    task = make_task(folder, Path({clips!r}), Path({base!r}), name="killed", **{changed!r})
    (folder / "killed").mkdir()
    finetune_fold(task, folder / "killed")
"""


def test_a_killed_process_resumes_to_the_same_bytes(
    finetuned: Path, material: tuple[Path, Path], tmp_path: Path
) -> None:
    clips, base = material
    root = str(Path(__file__).parents[2])
    script = KILLED.format(root=root, folder=str(tmp_path), clips=str(clips), base=str(base), changed=RELEASES)
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        os.kill(process.pid, signal.SIGKILL)
    assert lines == ["1", "2", "3"]
    task = make_task(tmp_path, *material, name="killed", **RELEASES)
    assert task.checkpoint.exists()
    assert digests(task, tmp_path / "resumed") == [sha256_file(finetuned / name) for name in FILES]


def test_two_runs_give_the_same_bytes_and_another_fold_does_not(
    finetuned: Path, material: tuple[Path, Path], tmp_path: Path
) -> None:
    task = make_task(tmp_path, *material, **RELEASES)
    expected = [sha256_file(finetuned / name) for name in FILES]
    assert digests(task, tmp_path / "same") == expected
    other = digests(replace(task, fold=2), tmp_path / "other")
    assert all(one != two for one, two in zip(expected, other, strict=True))
