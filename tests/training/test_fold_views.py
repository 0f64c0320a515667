"""Training on streams of several views."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.evaluation.metrics import overall, score_targets
from pipeline.models.trained import TrainedFold
from pipeline.runtime.files import sha256_file
from pipeline.training.fold import train_fold
from pipeline.training.frames import FrameTable
from pipeline.training.loop import FoldTask, FoldTraining
from tests.training.conftest import TARGETS, TRAIN, VALIDATION, make_table, make_task

VIEWS = ("centre", "centre_flipped", "top_left")
CPU = torch.device("cpu")


def view_task(folder: Path, *, spread: float = 3.0, **changed: Any) -> FoldTask:
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
    return make_task(folder, **changed)


def train(task: FoldTask, directory: Path) -> TrainedFold:
    directory.mkdir()
    train_fold(task, directory)
    return TrainedFold.load(directory / "fold.safetensors")


class Watched(FoldTraining):
    """Keeps the windows and the views of every step."""

    steps: list[tuple[list[int], dict[str, list[int]]]]

    def _step(self, batch: Tensor, chosen: Mapping[str, Tensor]) -> float:
        drawn = {role: view.tolist() for role, view in chosen.items()}
        self.__dict__.setdefault("steps", []).append((batch.tolist(), drawn))
        return super()._step(batch, chosen)


def test_streams_of_one_view_draw_nothing_but_the_order_of_windows(tmp_path: Path) -> None:
    training = Watched(make_task(tmp_path), CPU)
    training.start()
    training.run_epoch()
    training.run_epoch()
    generator = torch.Generator().manual_seed(training.seed)
    expected = [torch.randperm(len(training.train_windows), generator=generator) for _ in range(2)]
    assert [window for batch, _ in training.steps for window in batch] == torch.cat(expected).tolist()
    assert all(chosen == {} for _, chosen in training.steps)
    assert torch.equal(training.generator.get_state(), generator.get_state())


def test_each_window_is_given_another_view_in_each_epoch(tmp_path: Path) -> None:
    training = Watched(view_task(tmp_path), CPU)
    training.start()
    epochs = []
    for _ in range(4):
        training.steps = []
        training.run_epoch()
        seen: dict[int, int] = {}
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
    # Statistics are sums over one view or three: equal but for rounding, which a few steps of training enlarge.
    assert runs[0].history[0] == pytest.approx(runs[1].history[0], rel=1e-2, abs=1e-2)


def test_statistics_are_those_of_all_views_of_the_training_trials(tmp_path: Path) -> None:
    task = view_task(tmp_path)
    table = FrameTable.open(task.table)
    rows = np.concatenate([table.rows(trial) for trial in TRAIN])
    frames = table.streams["visual"][:, rows].reshape(-1, 6).astype(np.float64)
    state = FoldTraining(task, CPU).network.state_dict()
    np.testing.assert_allclose(state["standardise.visual.mean"], frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(state["standardise.visual.std"], frames.std(axis=0), rtol=1e-5)


def test_a_run_that_stopped_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    def digests(task: FoldTask, directory: Path) -> list[str]:
        train(task, directory)
        return [sha256_file(directory / name) for name in ("fold.safetensors", "history.json")]

    whole = digests(view_task(tmp_path, name="whole"), tmp_path / "whole")
    task = view_task(tmp_path, name="stopped")
    stopped = FoldTraining(task, CPU)
    stopped.start()
    for _ in range(2):
        stopped.run_epoch()
        stopped.save()
    torch.manual_seed(999)
    assert digests(task, tmp_path / "resumed") == whole


def test_a_saved_fold_predicts_what_was_scored(tmp_path: Path) -> None:
    task = view_task(tmp_path)
    fold = train(task, tmp_path / "out")
    assert fold.metadata["views"] == {"visual": list(VIEWS)}
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


def test_predictions_come_from_the_centre(tmp_path: Path) -> None:
    task = view_task(tmp_path, epochs=1)
    fold = train(task, tmp_path / "out")
    table = FrameTable.open(task.table)
    rows = table.rows("e")
    streams = {role: x[..., rows, :] for role, x in table.streams.items()}
    alone = [fold.predict(streams | {"visual": view}).predictions for view in streams["visual"]]
    assert np.abs(alone[1] - alone[0]).max() > 1e-3
    np.testing.assert_array_equal(fold.predict(streams).predictions, alone[0])


def test_frames_that_are_left_out_are_left_out_of_the_views(tmp_path: Path) -> None:
    task = view_task(tmp_path, gaps="compact", epochs=1)
    fold = train(task, tmp_path / "out")
    table = FrameTable.open(task.table)
    rows = table.rows("e")
    labels = table.labels[rows]
    answer = fold.predict({role: x[..., rows, :] for role, x in table.streams.items()}, labels=labels)
    assert np.array_equal(np.isnan(answer.predictions).any(axis=1), np.isnan(labels).all(axis=1))


def test_another_number_of_views_is_refused_with_both(tmp_path: Path) -> None:
    fold = train(view_task(tmp_path, epochs=1), tmp_path / "out")
    audio = np.zeros((30, 4))
    with pytest.raises(ValueError, match=r"centre, centre_flipped, top_left of visual, got 2"):
        fold.predict({"visual": np.zeros((2, 30, 6)), "audio": audio})
    single = train(make_task(tmp_path / "single", epochs=1), tmp_path / "single_out")
    with pytest.raises(ValueError, match=r"the views centre of visual, got 3"):
        single.predict({"visual": np.zeros((3, 30, 6)), "audio": audio})
