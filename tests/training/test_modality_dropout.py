from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import sha256_file
from pipeline.training.fold import train_fold
from pipeline.training.frames import FrameTable
from pipeline.training.loop import FoldTask, FoldTraining
from pipeline.training.modality_dropout import ModalityDropout, Replacements
from tests.fusion.factory import ROLES
from tests.training.conftest import make_table, make_task

CPU = torch.device("cpu")
TRIAL = torch.tensor([0, 0, 0, 1, 2, 2, 2, 2])
FRAMES = torch.tensor([6, 6, 6, 6, 6, 6, 6, 3])


def dropout(probability: float = 1.0, *, missing: dict[str, Tensor] | None = None) -> ModalityDropout:
    return ModalityDropout(probability, trial=TRIAL, frames=FRAMES, missing=missing or {})


def draws(chosen: ModalityDropout, *, count: int = 400) -> list[Replacements]:
    generator = torch.Generator().manual_seed(1)
    return [chosen.draw(("visual", "audio"), generator=generator) for _ in range(count)]


def test_a_stretch_comes_from_any_window_of_another_trial() -> None:
    found = draws(dropout())
    sources = torch.stack([one.source for one in found])
    for window, trial in enumerate(TRIAL.tolist()):
        expected = {place for place, other in enumerate(TRIAL.tolist()) if other != trial}
        assert set(sources[:, window].tolist()) == expected


def test_one_stream_is_replaced_within_the_frames_that_exist() -> None:
    found = draws(dropout())
    assert {int(value) for one in found for value in one.stream} == {0, 1}
    lengths = torch.stack([one.end - one.start for one in found])
    assert lengths.min() == 1
    assert lengths[:, 0].max() == 6
    assert lengths[:, 7].max() == 3
    assert all(bool(((one.start >= 0) & (one.end <= FRAMES)).all()) for one in found)
    for one in found[:20]:
        inside = torch.stack([one.inside(place, 6) for place in (0, 1)])
        assert not inside.all(dim=0).any()
        assert torch.equal(inside.any(dim=0).sum(dim=1), one.end - one.start)
        assert torch.equal(~one.untouched(2, 6), inside.permute(1, 2, 0))


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.3, 0.25, 0.35), (1.0, 1, 1)])
def test_as_many_windows_are_hit_as_asked(probability: float, low: float, high: float) -> None:
    hit = torch.stack([one.stream >= 0 for one in draws(dropout(probability))]).double().mean()
    assert low <= hit <= high


def test_half_of_the_stretches_of_faces_are_missing_faces() -> None:
    found = draws(dropout(missing={"visual": torch.zeros(2)}))
    of = {
        stream: torch.cat([one.source[one.stream == stream] < 0 for one in found]).double().mean() for stream in (0, 1)
    }
    assert 0.4 < of[0] < 0.6
    assert of[1] == 0


def test_what_is_replaced_and_by_what() -> None:
    streams = {
        "visual": torch.arange(40.0).reshape(20, 2),
        "audio": -torch.arange(60.0).reshape(2, 10, 3).repeat(1, 2, 1),
    }
    index = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [10, 11, 12, 13]])
    replaced = Replacements(
        stream=torch.tensor([0, 1, 0]),
        start=torch.tensor([1, 0, 2]),
        end=torch.tensor([3, 4, 4]),
        source=torch.tensor([2, 0, -1]),
    )
    chosen = {"audio": torch.tensor([0, 1, 1])}
    windows = {"visual": streams["visual"][index], "audio": streams["audio"][chosen["audio"][:, None], index]}
    before = {role: x.clone() for role, x in windows.items()}
    black = torch.tensor([100.0, 200.0])
    trials = ModalityDropout(1.0, trial=torch.tensor([0, 1, 2]), frames=torch.full((3,), 4), missing={"visual": black})
    found = trials.apply(windows, streams, index, chosen, replaced)
    expected = {role: x.clone() for role, x in before.items()}
    expected["visual"][0, 1:3] = streams["visual"][[11, 12]]
    expected["audio"][1] = streams["audio"][1, index[0]]
    expected["visual"][2, 2:] = black
    for role in expected:
        assert torch.equal(found[role], expected[role])
        assert torch.equal(windows[role], before[role])


def test_one_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="one training trial only"):
        ModalityDropout(0.5, trial=torch.zeros(3, dtype=torch.int64), frames=torch.ones(3), missing={})


def with_missing(task: FoldTask) -> FoldTask:
    """Save the task's table again, with an embedding for missing faces."""
    table = make_table()
    black = {"visual": np.full(6, 30, dtype=np.float16)}
    FrameTable(table.trials, table.streams, table.labels, table.views, black).save(task.table)
    return task


def digest(task: FoldTask, directory: Path) -> str:
    directory.mkdir()
    train_fold(task, directory)
    return sha256_file(directory / "fold.safetensors") + sha256_file(directory / "history.json")


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    assert task.training.modality_dropout == 0
    training = FoldTraining(task, CPU)
    training.start()
    training.run_epoch()
    expected = torch.Generator().manual_seed(training.seed)
    torch.randperm(len(training.train_windows), generator=expected)
    assert torch.equal(training.generator.get_state(), expected.get_state())


def test_equal_seeds_give_equal_bytes_and_a_stopped_run_resumes_to_them(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"modality_dropout": 0.6, "epochs": 4}
    whole = digest(with_missing(make_task(tmp_path, name="whole", **settings)), tmp_path / "out")
    task = make_task(tmp_path, name="stopped", **settings)
    stopped = FoldTraining(task, CPU)
    stopped.start()
    for _ in range(2):
        stopped.run_epoch()
        stopped.save()
    torch.manual_seed(999)
    assert digest(task, tmp_path / "resumed") == whole
    plain = make_task(tmp_path, name="plain", epochs=4)
    assert digest(plain, tmp_path / "plain") != whole


class Watched(FoldTraining):
    """Keeps the streams that the network sees, in training and in validation."""

    def __init__(self, task: FoldTask) -> None:
        super().__init__(task, CPU)
        self.seen: dict[bool, list[Tensor]] = {True: [], False: []}
        self.network.register_forward_pre_hook(
            lambda network, given: self.seen[network.training].append(given[0]["visual"])
        )


def test_it_acts_in_training_only(tmp_path: Path) -> None:
    training = Watched(with_missing(make_task(tmp_path, modality_dropout=1.0)))
    training.run_epoch()
    # Features lie around 40; only the missing face's embedding is exactly 30 throughout.
    black = {kind: sum(int((x == 30).all(dim=-1).sum()) for x in seen) for kind, seen in training.seen.items()}
    assert black[True] > 10
    assert black[False] == 0


def test_one_stream_is_never_replaced(tmp_path: Path) -> None:
    task = make_task(tmp_path, modality_dropout=1.0)
    folder = tmp_path / "alone"
    folder.mkdir()
    FrameTable.open(task.table).only("visual").save(folder)
    model = ModelConfig(fusion="unimodal", streams=("ir50",), temporal="identity")
    alone = FoldTask(**{**vars(task), "table": folder, "model": model})
    off = FoldTask(**{**vars(alone), "training": task.training.model_copy(update={"modality_dropout": 0.0})})
    first, second = (FoldTraining(one, CPU) for one in (alone, off))
    for training in (first, second):
        training.start()
        training.run_epoch()
    assert first.history == second.history


def test_a_single_training_trial_is_an_error_that_says_so(tmp_path: Path) -> None:
    task = make_task(tmp_path, modality_dropout=0.5)
    with pytest.raises(InputError, match=r"1 training trials with frames, but modality_dropout.*fewer folds"):
        FoldTraining(FoldTask(**{**vars(task), "train": ("a",)}), CPU)
    voting = ModelConfig(fusion="reliability_gate", streams=("ir50", "vggish"), temporal="identity")
    plain = make_task(tmp_path)
    with pytest.raises(InputError, match="reliability is learned from held-out trials"):
        FoldTraining(FoldTask(**{**vars(plain), "train": ("a",), "model": voting}), CPU)


@pytest.mark.parametrize("fusion", sorted(name for name, roles in ROLES.items() if len(roles) > 1))
def test_every_fusion_system_trains_with_it(tmp_path: Path, fusion: str) -> None:
    task = make_task(tmp_path, modality_dropout=0.7)
    model = ModelConfig(fusion=fusion, streams=("ir50", "vggish"), temporal="identity")
    training = FoldTraining(FoldTask(**{**vars(task), "model": model}), CPU)
    before = {name: value.clone() for name, value in training.network.named_parameters()}
    training.start()
    training.run_epoch()
    assert np.isfinite(training.history[0]["train_loss"])
    still = [name for name, value in training.network.named_parameters() if torch.equal(value, before[name])]
    assert still == []


def test_a_voting_model_learns_which_frames_of_a_stream_to_distrust(tmp_path: Path) -> None:
    table = make_table()
    visual = table.streams["visual"].astype(np.float32)
    random, covered = np.random.default_rng(2), np.zeros(len(visual), dtype=bool)
    for trial in table.trials:
        covered[table.rows(trial)[10:25]] = True
    visual[covered] = 40 + random.normal(0, 1, (int(covered.sum()), 6))
    visual[covered, 3] += 12
    task = make_task(tmp_path, epochs=12, early_stopping=12)
    FrameTable(table.trials, table.streams | {"visual": visual.astype(np.float16)}, table.labels).save(task.table)
    model = ModelConfig(fusion="reliability_gate", streams=("ir50", "vggish"), temporal="identity")
    training = FoldTraining(FoldTask(**{**vars(task), "model": model}), CPU)
    training.run()
    rows = np.concatenate([table.rows(trial) for trial in task.validation])
    streams = {"visual": torch.from_numpy(visual[rows])[None], "audio": torch.from_numpy(table.streams["audio"][rows])}
    streams["audio"] = streams["audio"][None].float()
    with torch.no_grad():
        output = training.network.eval()(streams, torch.ones(1, len(rows), dtype=torch.bool))
    assert output.votes is not None
    precision = output.votes.precision[0, :, 0].numpy()
    assert np.median(precision[covered[rows]]) < np.median(precision[~covered[rows]]) - 0.1
