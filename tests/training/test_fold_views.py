"""Training on streams of several views, and training without them as ever."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.models.trained import TrainedFold
from pipeline.runtime.files import sha256_file
from pipeline.training.fold import FoldTask, FoldTraining
from pipeline.training.frames import FrameTable
from pipeline.training.train_fold import train_fold
from tests.training.conftest import TARGETS, TRAIN, VALIDATION, make_table, make_task

VIEWS = ("centre", "centre_flipped", "top_left")
CPU = torch.device("cpu")
PINNED = [
    8,
    16,
    6,
    5,
    4,
    2,
    7,
    19,
    10,
    12,
    0,
    14,
    13,
    1,
    18,
    3,
    15,
    11,
    17,
    9,
    15,
    17,
    10,
    2,
    1,
    13,
    12,
    9,
    6,
    14,
    7,
    16,
    11,
    8,
    18,
    3,
    4,
    5,
    19,
    0,
]
NEXT = 116404951


def view_task(folder: Path, *, spread: float = 3.0, **changed: object) -> FoldTask:
    """Return a task whose visual stream has three views; the further ones are the centre with an offset and noise."""
    if not (folder / "table").exists():
        plain = make_table()
        centre = plain.streams["visual"].astype(np.float32)
        random = np.random.default_rng(9)
        others = [centre + spread * (1 + random.normal(0, 0.2, centre.shape)) for _ in VIEWS[1:]]
        visual = np.stack([centre, *others]).astype(np.float16)
        (folder / "table").mkdir(parents=True)
        table = FrameTable(plain.trials, plain.streams | {"visual": visual}, plain.labels, {"visual": VIEWS})
        table.save(folder / "table")
    return make_task(folder, **changed)  # type: ignore[arg-type]


def train(task: FoldTask, directory: Path) -> TrainedFold:
    directory.mkdir()
    train_fold(task, directory)
    return TrainedFold.load(directory / "fold.safetensors")


class Watched(FoldTraining):
    """Keeps the windows and the views of every step."""

    steps: list[tuple[list[int], dict[str, list[int]]]]

    def _step(self, batch: Tensor, views: Mapping[str, Tensor]) -> float:
        drawn = {role: view.tolist() for role, view in views.items()}
        self.__dict__.setdefault("steps", []).append((batch.tolist(), drawn))
        return super()._step(batch, views)


def test_one_view_is_shuffled_as_it_was_before_there_were_views(tmp_path: Path) -> None:
    """Pinned numbers: the orders of the windows in the first two epochs, and the generator's state after them."""
    training = Watched(make_task(tmp_path), CPU)
    training.start()
    training.run_epoch()
    training.run_epoch()
    orders = [window for batch, _ in training.steps for window in batch]
    assert orders == PINNED
    assert all(views == {} for _, views in training.steps)
    assert torch.randint(10**9, (1,), generator=training.shuffle).item() == NEXT


def test_each_window_draws_a_view_anew_in_each_epoch(tmp_path: Path) -> None:
    training = Watched(view_task(tmp_path), CPU)
    training.start()
    epochs = []
    for _ in range(4):
        training.steps = []
        training.run_epoch()
        seen = {}
        for batch, views in training.steps:
            assert list(views) == ["visual"]
            seen |= dict(zip(batch, views["visual"], strict=True))
        assert sorted(seen) == list(range(len(training.train_windows)))
        epochs.append([seen[window] for window in sorted(seen)])
    assert {view for seen in epochs for view in seen} == {0, 1, 2}
    assert len({tuple(seen) for seen in epochs}) == 4


def test_equal_views_train_as_one(tmp_path: Path) -> None:
    """In the first epoch, whose order is drawn before any view."""
    one, three = make_task(tmp_path / "one"), view_task(tmp_path / "three", spread=0.0)
    runs = [FoldTraining(task, CPU) for task in (one, three)]
    for run in runs:
        run.start()
        run.run_epoch()
    assert runs[0].history[0] == pytest.approx(runs[1].history[0], rel=1e-3)


def test_statistics_are_those_of_all_views_of_the_training_trials(tmp_path: Path) -> None:
    task = view_task(tmp_path)
    table = FrameTable.open(task.table)
    rows = np.concatenate([table.rows(trial) for trial in TRAIN])
    frames = table.streams["visual"][:, rows].reshape(-1, 6).astype(np.float64)
    state = FoldTraining(task, CPU).network.state_dict()
    np.testing.assert_allclose(state["standardise.visual.mean"], frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(state["standardise.visual.std"], frames.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("how", ["centre", "mean"])
def test_a_run_that_stopped_resumes_to_the_same_bytes(tmp_path: Path, how: str) -> None:
    def digests(task: FoldTask, directory: Path) -> list[str]:
        train(task, directory)
        return [sha256_file(directory / name) for name in ("fold.safetensors", "history.json")]

    whole = digests(view_task(tmp_path, name="whole", evaluation_views=how), tmp_path / "whole")
    task = view_task(tmp_path, name="stopped", evaluation_views=how)
    stopped = FoldTraining(task, CPU)
    stopped.start()
    for _ in range(2):
        stopped.run_epoch()
        stopped.save()
    torch.manual_seed(999)
    assert digests(task, tmp_path / "resumed") == whole


@pytest.mark.parametrize("how", ["centre", "mean"])
def test_a_saved_fold_predicts_what_was_scored(tmp_path: Path, how: str) -> None:
    task = view_task(tmp_path, evaluation_views=how)
    fold = train(task, tmp_path / "out")
    assert fold.metadata["views"] == {"visual": list(VIEWS)}
    assert fold.metadata["evaluation_views"] == how
    table = FrameTable.open(task.table)
    predictions, labels = [], []
    for trial in VALIDATION:
        rows = table.rows(trial)
        answer = fold.predict({role: x[..., rows, :] for role, x in table.streams.items()})
        assert answer.attention["visual"].shape == (len(rows), 2, 2)
        predictions.append(answer.predictions)
        labels.append(table.labels[rows])
    scores = score_targets(np.concatenate(labels), np.concatenate(predictions), targets=list(TARGETS))
    assert overall(scores) == pytest.approx(fold.metadata["p"], abs=1e-5)


def test_the_mean_is_that_of_the_views_predictions(tmp_path: Path) -> None:
    task = view_task(tmp_path, evaluation_views="mean", epochs=2)
    fold = train(task, tmp_path / "out")
    table = FrameTable.open(task.table)
    rows = table.rows("e")
    streams = {role: x[..., rows, :] for role, x in table.streams.items()}
    alone = [fold.predict(streams | {"visual": view}).predictions for view in streams["visual"]]
    assert np.abs(alone[1] - alone[0]).max() > 1e-3
    answer = fold.predict(streams).predictions
    np.testing.assert_allclose(answer, np.mean(alone, axis=0), atol=1e-6)
    fold.metadata["evaluation_views"] = "centre"
    np.testing.assert_array_equal(fold.predict(streams).predictions, alone[0])


def test_frames_that_are_left_out_are_left_out_of_every_view(tmp_path: Path) -> None:
    task = view_task(tmp_path, evaluation_views="mean", gaps="compact", epochs=1)
    fold = train(task, tmp_path / "out")
    table = FrameTable.open(task.table)
    rows = table.rows("e")
    keep = table.labelled()[rows]
    answer = fold.predict({role: x[..., rows, :] for role, x in table.streams.items()}, keep=keep)
    assert np.array_equal(np.isnan(answer.predictions).any(axis=1), ~keep)


def test_another_number_of_views_is_refused_with_both(tmp_path: Path) -> None:
    fold = train(view_task(tmp_path, epochs=1), tmp_path / "out")
    audio = np.zeros((30, 4))
    with pytest.raises(ValueError, match=r"centre, centre_flipped, top_left of visual, got 2"):
        fold.predict({"visual": np.zeros((2, 30, 6)), "audio": audio})
    single = train(make_task(tmp_path / "single", epochs=1), tmp_path / "single_out")
    with pytest.raises(ValueError, match=r"the views centre of visual, got 3"):
        single.predict({"visual": np.zeros((3, 30, 6)), "audio": audio})


def test_a_fold_of_one_view_says_nothing_of_views(tmp_path: Path) -> None:
    fold = train(make_task(tmp_path, epochs=1), tmp_path / "out")
    assert {"views", "evaluation_views"}.isdisjoint(fold.metadata)
    asked = train(make_task(tmp_path, epochs=1, name="asked", evaluation_views="mean"), tmp_path / "asked")
    assert {"views", "evaluation_views"}.isdisjoint(asked.metadata)
    weights = fold.network.state_dict()
    assert weights
    for name, tensor in asked.network.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
