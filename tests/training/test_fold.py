import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from pipeline.evaluation.metrics import score
from pipeline.models.trained import TrainedFold, predict_frames
from pipeline.models.windows import Windows
from pipeline.runtime.code import Code
from pipeline.runtime.errors import InputError
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import materialise
from pipeline.training import loop
from pipeline.training.fold import train_fold
from pipeline.training.frames import FrameTable
from pipeline.training.loop import FoldTask, FoldTraining
from tests.training.conftest import VALIDATION, ScoredTraining, make_task


def _digest(task: FoldTask, directory: Path) -> list[str]:
    directory.mkdir()
    train_fold(task, directory)
    return [sha256_file(directory / name) for name in ("fold.safetensors", "history.json")]


def test_a_small_step_lowers_the_loss_as_its_gradient_predicts(tmp_path: Path) -> None:
    training = FoldTraining(make_task(tmp_path), torch.device("cpu"))
    # As in validation: without dropout, and with statistics that do not move.
    training.network.eval()
    every = torch.arange(len(training.train_windows))
    for group in training.optimizer.param_groups:
        group["lr"] = 0.0
    before = training._step(every, {})
    found = [(one, one.grad.clone()) for one in training.network.parameters() if one.grad is not None]
    assert len(found) > 10
    slope = sum(float(gradient.double().square().sum()) for _, gradient in found)
    # Far above the rounding of a float32 loss, and small enough for the first order to hold within a few per cent.
    with torch.no_grad():
        for parameter, gradient in found:
            parameter.sub_(1e-3 * before / slope * gradient)
    assert before - training._step(every, {}) == pytest.approx(1e-3 * before, rel=0.2)


def test_the_first_of_the_best_epochs_is_kept(tmp_path: Path) -> None:
    training = ScoredTraining(make_task(tmp_path, epochs=4), 0.1, 0.5, 0.5, 0.3)
    training.run()
    assert (training.best_epoch, training.epochs) == (1, 4)
    training.restore_best()
    stopped = ScoredTraining(make_task(tmp_path, name="stopped", epochs=2), 0.0)
    stopped.run()
    for name, tensor in stopped.network.state_dict().items():
        assert torch.equal(tensor, training.network.state_dict()[name]), name


def test_a_fold_holds_the_best_epoch_and_no_checkpoint_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    task = make_task(tmp_path)
    train_fold(task, tmp_path / "out")
    history = json.loads((tmp_path / "out" / "history.json").read_text())["rows"]
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    assert fold.metadata["p"] == max(row["p"] for row in history)
    assert not task.checkpoint.exists()


@pytest.mark.parametrize("targets", ["joint", "separate"])
@pytest.mark.parametrize("gaps", ["mask", "compact"])
def test_a_saved_fold_predicts_what_was_scored(tmp_path: Path, gaps: str, targets: str) -> None:
    (tmp_path / "out").mkdir()
    task = make_task(tmp_path, gaps=gaps, targets=targets, epochs=3)
    train_fold(task, tmp_path / "out")
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    table = FrameTable.open(task.table)
    predictions, labels = [], []
    for trial in VALIDATION:
        rows = table.rows(trial)
        answer = fold.predict({role: x[rows] for role, x in table.streams.items()}, labels=table.labels[rows])
        suffix = "" if targets == "joint" else "_arousal"
        assert answer.attention[f"visual{suffix}"].shape == (len(rows), 2, 2)
        gates = answer.attention[f"stage_audio{suffix}"]
        np.testing.assert_allclose(gates[~np.isnan(gates).any(axis=1)].sum(axis=-1), 1, atol=1e-5)
        predictions.append(answer.predictions)
        labels.append(table.labels[rows])
    found = []
    for p, y in zip(np.concatenate(predictions).T, np.concatenate(labels).T, strict=True):
        p, y = p[~np.isnan(y)], y[~np.isnan(y)]
        found.append(2 * ((p - p.mean()) * (y - y.mean())).mean() / (p.var() + y.var() + (p.mean() - y.mean()) ** 2))
    assert np.mean(found) == pytest.approx(fold.metadata["p"], abs=1e-5)


def test_two_runs_give_the_same_bytes_and_another_fold_does_not(tmp_path: Path) -> None:
    first = _digest(make_task(tmp_path, name="one"), tmp_path / "first")
    assert _digest(make_task(tmp_path, name="two"), tmp_path / "second") == first
    other = FoldTask(**{**vars(make_task(tmp_path, name="three")), "fold": 2})
    assert _digest(other, tmp_path / "third") != first


def test_a_run_that_stopped_after_any_epoch_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    whole = _digest(make_task(tmp_path, name="whole"), tmp_path / "whole_out")
    for epochs in (1, 3):
        task = make_task(tmp_path, name=f"stopped{epochs}")
        stopped = FoldTraining(task, torch.device("cpu"))
        stopped.start()
        for _ in range(epochs):
            stopped.run_epoch()
            stopped.save()
        torch.manual_seed(999)
        assert _digest(task, tmp_path / f"resumed{epochs}") == whole


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import make_task
import pipeline.training.loop as loop
from pipeline.training.fold import train_fold
save = loop.FoldTraining.save
def save_and_tell(self):
    save(self)
    print(len(self.history), flush=True)
loop.FoldTraining.save = save_and_tell
folder = Path({folder!r})
(folder / "killed_out").mkdir()
train_fold(make_task(folder, name="killed", epochs=200, early_stopping=200), folder / "killed_out")
"""


def test_a_killed_process_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    task = make_task(tmp_path, name="killed", epochs=6)
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        os.kill(process.pid, signal.SIGKILL)
    assert lines == ["1", "2"]
    assert task.checkpoint.exists()
    # The killed run may have reached a later epoch than it told, yet not the end of its 200.
    resumed = make_task(tmp_path, name="killed", epochs=200, early_stopping=200)
    training = FoldTraining(resumed, torch.device("cpu"))
    training.start()
    reached = len(training.history)
    assert 2 <= reached < 200
    for _ in range(2):
        training.run_epoch()
    fresh = FoldTraining(make_task(tmp_path, name="fresh", epochs=200, early_stopping=200), torch.device("cpu"))
    fresh.start()
    for _ in range(reached + 2):
        fresh.run_epoch()
    assert training.history == fresh.history
    for name, tensor in fresh.network.state_dict().items():
        assert torch.equal(tensor, training.network.state_dict()[name]), name


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_folds_bytes_do_not_depend_on_engine_or_workers(
    tmp_path: Path, engine: Literal["serial", "processes"]
) -> None:
    expected = _digest(make_task(tmp_path, name="alone"), tmp_path / "alone")
    code = Code.of("pipeline.training.fold")
    items = [
        Item(f"fold {n}", item_key(n=n), make_task(tmp_path, name=f"{engine}{n}", epochs=5 if n == 0 else 3), code)
        for n in range(3)
    ]
    cache = ItemCache(tmp_path / "cache")
    executor = Executor(engine=engine, workers=2)
    done = materialise(items, train_fold, cache=cache, executor=executor, label="train")
    got = [sha256_file(done.paths["fold 0"] / name) for name in ("fold.safetensors", "history.json")]
    assert got == expected


def test_predictions_are_scored_within_the_range_of_their_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As evaluation clips them: a network without a bound may leave the range."""
    task = FoldTask(**{**vars(make_task(tmp_path)), "targets": {"valence": (-1.0, 1.0), "arousal": (-0.5, 0.25)}})
    training = FoldTraining(task, torch.device("cpu"))
    rows = np.unique(training.validation_windows.index)
    labels = training.labels[rows]
    wide = 3 * np.nan_to_num(labels) + 0.1
    monkeypatch.setattr(loop, "predict_frames", lambda *_, **__: {"predictions": torch.from_numpy(wide)})
    for column, (target, limits) in enumerate(task.targets.items()):
        expected = score(labels[:, column], wide[:, column].clip(*limits)).ccc
        assert training._validate()[target] == pytest.approx(expected, abs=1e-6)
        assert expected != pytest.approx(score(labels[:, column], wide[:, column]).ccc, abs=0.01)


def test_predictions_of_some_rows_of_a_table_are_those_of_a_copy(tmp_path: Path) -> None:
    training = FoldTraining(make_task(tmp_path), torch.device("cpu"))
    training.network.eval()
    rows = np.unique(training.validation_windows.index)
    local = Windows(np.searchsorted(rows, training.validation_windows.index), training.validation_windows.mask)
    place = torch.from_numpy(rows)
    assert rows[0] > 0, "they do not begin the table"
    copied = {role: x[place] for role, x in training._streams.items()}
    expected = predict_frames(training.network, copied, local, frames=len(rows))
    found = predict_frames(training.network, training._streams, local, frames=len(rows), rows=place)
    assert torch.equal(found["predictions"], expected["predictions"])


@pytest.mark.parametrize("targets", [None, ("arousal",)])
@pytest.mark.parametrize("gaps", ["mask", "compact"])
def test_windows_and_statistics_hold_the_frames_that_are_kept(
    tmp_path: Path, gaps: str, targets: tuple[str, ...] | None
) -> None:
    task = make_task(tmp_path, gaps=gaps, standardise="scalar")
    training = FoldTraining(task, torch.device("cpu"), targets=targets)
    table = FrameTable.open(task.table)
    rows = np.concatenate([table.rows(trial) for trial in task.train])
    annotated = ~np.isnan(table.labels[rows])
    # Whichever targets the network has, a frame stays where any target is annotated.
    kept = rows[annotated.any(axis=1)] if gaps == "compact" else rows
    assert (annotated.any(axis=1) & ~annotated[:, 1]).any()
    windows = training.train_windows
    assert np.unique(windows.index[windows.mask]).tolist() == kept.tolist()
    mean = training.network.state_dict()["standardise.visual.mean"]
    np.testing.assert_allclose(mean, table.streams["visual"][kept].astype(np.float64).mean(), rtol=1e-6)


@pytest.mark.parametrize("gaps", ["mask", "compact"])
def test_a_step_learns_from_every_annotation(tmp_path: Path, gaps: str) -> None:
    training = FoldTraining(make_task(tmp_path, gaps=gaps), torch.device("cpu"))
    training.network.eval()
    every = torch.arange(len(training.train_windows))
    index, mask = training.train_windows.index, training.train_windows.mask
    streams = {role: x[torch.from_numpy(index)].float() for role, x in training._streams.items()}
    with torch.no_grad():
        predictions = training.network(streams, torch.from_numpy(mask)).predictions.double().numpy()
    costs = []
    for column in (0, 1):
        of_target = []
        for rows, real, predicted in zip(index, mask, predictions[..., column], strict=True):
            y = training.labels[rows, column].astype(np.float64)
            used = real & ~np.isnan(y)
            p, y = predicted[used], y[used]
            covariance = ((p - p.mean()) * (y - y.mean())).mean()
            of_target.append(1 - 2 * covariance / (p.var() + y.var() + (p.mean() - y.mean()) ** 2))
        costs.append(np.mean(of_target))
    assert training._step(every, {}) == pytest.approx(np.mean(costs), abs=1e-5)


@pytest.mark.parametrize("changed", [{"gaps": "compact"}, {"scope": "batch"}, {"standardise": "scalar"}, {"hop": 20}])
def test_every_variant_trains_and_differs(tmp_path: Path, changed: dict[str, Any]) -> None:
    plain = _digest(make_task(tmp_path, name="plain", epochs=2), tmp_path / "plain")
    assert _digest(make_task(tmp_path, name="changed", epochs=2, **changed), tmp_path / "changed") != plain


def test_reduced_precision_trains_to_finite_weights(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    train_fold(make_task(tmp_path, epochs=2, precision="bfloat16"), tmp_path / "out")
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    assert all(tensor.isfinite().all() for tensor in fold.network.state_dict().values())


@pytest.mark.parametrize(("scores", "epochs"), [((0.5, 0.4), 3), ((0.1, 0.3, 0.2), 4), ((0.1, 0.1, 0.1, 0.4, 0.2), 3)])
def test_early_stopping_counts_from_the_best_epoch(tmp_path: Path, scores: tuple[float, ...], epochs: int) -> None:
    training = ScoredTraining(make_task(tmp_path, epochs=60, early_stopping=2), *scores)
    training.run()
    assert training.epochs == epochs


def test_a_fold_without_annotated_frames_says_so(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    labels = np.load(task.table / "labels.npy")
    np.save(task.table / "labels.npy", np.full_like(labels, np.nan))
    with pytest.raises(InputError) as caught:
        train_fold(task, tmp_path)
    assert [problem.message for problem in caught.value.problems] == [
        f"fold 1: {target} is annotated in none of its {trials}"
        for trials in ("4 training trials", "2 validation trials")
        for target in ("valence", "arousal")
    ]


@pytest.mark.parametrize("gaps", ["mask", "compact"])
def test_a_target_that_is_never_annotated_is_named(tmp_path: Path, gaps: str) -> None:
    task = make_task(tmp_path, gaps=gaps)
    table = FrameTable.open(task.table)
    labels = table.labels.copy()
    for trial in VALIDATION:
        labels[table.rows(trial), 1] = np.nan
    np.save(task.table / "labels.npy", labels)
    with pytest.raises(InputError, match="arousal is annotated in none of its 2 validation trials"):
        train_fold(task, tmp_path)
    # A network of its own for the other target has all that it needs.
    FoldTraining(task, torch.device("cpu"), targets=("valence",))


def test_compact_predictions_leave_out_what_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    task = make_task(tmp_path, epochs=1, gaps="compact")
    train_fold(task, tmp_path / "out")
    table = FrameTable.open(task.table)
    rows = table.rows("e")
    labels = table.labels[rows]
    left_out = np.isnan(labels).all(axis=1)
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    streams = {role: x[rows] for role, x in table.streams.items()}
    missing = np.isnan(fold.predict(streams, labels=labels).predictions)
    assert np.array_equal(missing, np.stack([left_out, left_out], axis=1))
    assert left_out.any()
    assert (np.isnan(labels).any(axis=1) & ~left_out).any()
    whole = fold.predict(streams, labels=np.full_like(labels, np.nan)).predictions
    np.testing.assert_array_equal(whole, fold.predict(streams).predictions)
    assert not np.isnan(whole).any()


def test_streams_of_another_width_are_refused_with_both_numbers(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    train_fold(make_task(tmp_path, epochs=1), tmp_path / "out")
    fold = TrainedFold.load(tmp_path / "out" / "fold.safetensors")
    with pytest.raises(ValueError, match=r"'visual': 6[\s\S]*'visual': 5"):
        fold.predict({"visual": np.zeros((30, 5)), "audio": np.zeros((30, 4))})
