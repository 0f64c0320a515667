import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.clips.clip import read_clip, write_clip
from pipeline.finetuning.loop import FoldFinetuning
from pipeline.finetuning.task import FinetuneTask
from pipeline.finetuning.tunable import Augmentation
from pipeline.training.loss import Scope, target_losses
from tests.finetuning.factory import make_task, narrow_backbones, scored, train_base, write_clips

Factory = Callable[..., FinetuneTask]
CPU = torch.device("cpu")
STEADY: dict[str, Any] = {"crop": "centre", "flip": 0.0, "dropout": None}


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with narrow_backbones():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("finetuning")
    clips = write_clips(folder / "clips")
    return clips, train_base(folder / "base", clips)


@pytest.fixture
def task(material: tuple[Path, Path], tmp_path: Path) -> Factory:
    return lambda **changed: make_task(tmp_path, *material, **changed)


def run(task: FinetuneTask, epochs: int | None = None) -> FoldFinetuning:
    """Fine-tune to the end, or for so many epochs after the pass that scores the start."""
    loop = FoldFinetuning(task, CPU)
    loop.start()
    while not loop.finished and (epochs is None or loop.epochs < epochs):
        loop.run_epoch()
    return loop


def state_of(loop: FoldFinetuning) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in loop.network.state_dict().items()}


def no_dropout(loop: FoldFinetuning) -> FoldFinetuning:
    for module in loop.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return loop


@pytest.mark.parametrize("released", [1, 2, 3])
def test_only_what_is_released_moves(task: Factory, released: int) -> None:
    loop = FoldFinetuning(task(windows=4), CPU)
    loop.start()
    loop.release(released)
    before = state_of(loop)
    for _ in range(2):
        loop.run_epoch()
    after = state_of(loop)
    backbones = [name for name in before if name.startswith("backbones.")]
    moved = {name for name in backbones if not torch.equal(before[name], after[name])}
    expected = {name for name in loop.network.learning(released) if name.startswith("backbones.")}
    assert moved == expected
    assert {name.split(".")[1] for name in moved} == {"visual", "audio"}
    statistics = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert len(statistics) > 100
    assert any(name.startswith("fusion.") for name in statistics)
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["fusion.model.system.steps.0.W_ja"], after["fusion.model.system.steps.0.W_ja"])


def test_the_start_is_scored_and_nothing_is_learned_from_it(task: Factory) -> None:
    loop = FoldFinetuning(task(), CPU)
    loop.start()
    before = state_of(loop)
    loop.run_epoch()
    assert all(torch.equal(before[name], tensor) for name, tensor in state_of(loop).items())
    (row,) = loop.history
    assert (row["epoch"], row["lr"], row["released"]) == (-1, 0.0, 0)
    assert row["p"] == pytest.approx(loop.fold.metadata["p"], abs=5e-3)


def test_a_small_step_lowers_the_loss_as_its_gradient_predicts(task: Factory) -> None:
    loop = no_dropout(FoldFinetuning(task(**STEADY), CPU))
    loop.start()
    loop.release(3)
    loop.network.train()
    parts = [[(number, Augmentation())] for number in range(len(loop.windows))]
    learning = [parameter for parameter in loop.network.parameters() if parameter.requires_grad]
    loop.optimizer = torch.optim.Adam(learning, lr=0.0)
    before = loop._step(parts, learn=True)
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in learning]
    slope = sum(float(gradient.double().square().sum()) for gradient in gradients)
    # Far above the rounding of a float32 loss, and small enough for the first order to hold within a few per cent.
    step = 1e-3 * before / slope
    with torch.no_grad():
        for parameter, gradient in zip(learning, gradients, strict=True):
            parameter.sub_(step * gradient)
    assert before - loop._step(parts, learn=False) == pytest.approx(1e-3 * before, rel=0.2)


def test_the_result_is_never_worse_than_the_start(task: Factory) -> None:
    with scored(0.5, 0.3, 0.4, 0.2):
        loop = run(task(epochs=3, windows=2))
    assert [row["p"] for row in loop.history] == [0.5, 0.3, 0.4, 0.2]
    assert loop.best_epoch == -1
    fresh = FoldFinetuning(task(), CPU).network.state_dict()
    assert any(not torch.equal(fresh[name], tensor) for name, tensor in loop.network.state_dict().items())
    loop.restore_best()
    assert all(torch.equal(fresh[name], tensor) for name, tensor in loop.network.state_dict().items())


def test_groups_are_released_one_by_one_when_the_learning_rate_is_exhausted(task: Factory) -> None:
    changed = {"plateau_patience": 0, "plateau_factor": 0.1, "min_learning_rate": 1e-3, "epochs": 40}
    loop = FoldFinetuning(task(**STEADY, **changed, windows=2, learning_rate=1e-2), CPU)
    loop.start()
    with scored(0.5):
        while not loop.finished:
            before, optimizer = loop.network.released, loop.optimizer
            loop.run_epoch()
            if loop.network.released != before:
                assert loop.optimizer is not optimizer
                assert loop.schedule.rate == 1e-2
                assert not loop.optimizer.state
                restored = loop.network.state_dict()
                assert all(torch.equal(restored[name].cpu(), tensor) for name, tensor in loop.best.items())
    seen = [(row["released"], row["lr"]) for row in loop.history[1:]]
    # Patience 0, and nothing is better than the start: a phase's first epoch drops the rate to the minimum, the second
    # one below it.
    assert seen == [(group, pytest.approx(rate)) for group in (1, 2, 3) for rate in (1e-2, 1e-3)]


def test_a_phase_that_stays_below_the_best_so_far_ends_with_the_published_schedule(
    task: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {"warm_up": "sawtooth", "warm_up_epochs": 5, "plateau_patience": 5, "learning_rate": 1e-4}
    loop = FoldFinetuning(task(**published, min_learning_rate=1e-8, epochs=200, early_stopping=50), CPU)
    monkeypatch.setattr(loop, "_learn", lambda epoch: 0.0)
    loop.start()
    climbing = [0.50 + 0.005 * epoch for epoch in range(35)]
    with scored(0.6, *[0.74] * 35, *climbing, *[0.75] * 200):
        while not loop.finished:
            loop.run_epoch()
    phases = [[row for row in loop.history if row["released"] == group] for group in (1, 2, 3)]
    # Each phase lasts five epochs of warm-up and five drops of six epochs, the last of them below the minimum. The
    # third one's first epoch, in the warm-up, is the best.
    assert [(rows[0]["epoch"], rows[-1]["epoch"]) for rows in phases] == [(0, 34), (35, 69), (70, 104)]
    for rows in phases:
        assert [row["lr"] for row in rows[5:]] == [
            pytest.approx(1e-4 * 0.1**drop) for drop in range(5) for _ in range(6)
        ]
    assert loop.best_epoch == 70


def test_what_is_released_after_the_best_epoch_returns_to_its_start(task: Factory) -> None:
    loop = FoldFinetuning(task(windows=2), CPU)
    loop.start()
    loop.run_epoch()
    loop.best = {name: tensor.clone() for name, tensor in loop.network.learning(1).items()}
    loop.release(3)
    origin = state_of(loop)
    loop.run_epoch()
    loop.best = {name: origin[name] for name in loop.best}
    late = "backbones.visual.body.18.res_layer.1.weight"
    assert not torch.equal(loop.network.state_dict()[late], origin[late])
    loop.restore_best()
    assert all(torch.equal(origin[name], tensor) for name, tensor in loop.network.state_dict().items())


def test_accumulated_gradients_are_those_of_a_bigger_batch(task: Factory) -> None:
    ends = []
    for batch, accumulate in ((4, 1), (2, 2), (1, 4)):
        loop = no_dropout(FoldFinetuning(task(batch=batch, accumulate=accumulate, windows=4), CPU))
        loop.start()
        loop.run_epoch()
        descent = torch.optim.SGD(loop.optimizer.param_groups[0]["params"], lr=1e-2)
        loop.optimizer = loop.schedule.optimizer = descent
        loop.run_epoch()
        ends.append((state_of(loop), loop.history[-1]["train_loss"]))
    (whole, loss), *others = ends
    moved = 0
    for state, other in others:
        assert other == pytest.approx(loss, abs=1e-5)
        for name, tensor in state.items():
            torch.testing.assert_close(tensor, whole[name], atol=1e-5, rtol=1e-4, msg=name)
            moved += not torch.equal(tensor, loop.origin.get(name, tensor))
    assert moved > 20


@pytest.mark.parametrize("scope", ["window", "batch"])
def test_a_part_counts_by_its_usable_windows_of_each_target(
    material: tuple[Path, Path], tmp_path: Path, scope: Scope
) -> None:
    """One window of the third part has valence alone, and the last one nothing."""
    shutil.copytree(material[0], tmp_path / "clips")
    for trial, forgotten in (("b", [1]), ("c", [0, 1])):
        clip = read_clip(tmp_path / f"clips/{trial}.h5")
        clip.labels[:, forgotten] = np.nan
        write_clip(tmp_path / f"clips/{trial}.h5", clip)
    loop = no_dropout(FoldFinetuning(make_task(tmp_path, tmp_path / "clips", material[1], **STEADY), CPU))
    loop.training = loop.training.model_copy(update={"scope": scope})
    trials = [window.trial for window in loop.windows.windows]
    parts = [[(trials.index(trial), Augmentation()) for trial in part] for part in ("aa", "ab", "bc")]
    assert [[loop.windows.usable(number).tolist() for number, _ in part] for part in parts] == [
        [[True, True], [True, True]],
        [[True, True], [True, False]],
        [[True, False], [False, False]],
    ]
    loop.network.eval()
    losses = torch.tensor([loop._step([part], learn=False) for part in parts])
    alone = [target_losses_of(loop, part, scope) for part in parts]
    # A part by itself costs the mean over its targets that cost something.
    assert losses.tolist() == pytest.approx([a.sum().item() / n for a, n in zip(alone, (2, 2, 1), strict=True)])
    share = torch.tensor([[2 / 5, 2 / 3], [2 / 5, 1 / 3], [1 / 5, 0]])
    expected = (share * torch.stack(alone)).sum().item() / 2
    assert loop._step(parts, learn=False) == pytest.approx(expected, abs=1e-6)


def target_losses_of(loop: FoldFinetuning, part: list[tuple[int, Augmentation]], scope: Scope) -> torch.Tensor:
    windows = [loop.windows.read(number, loop.network.tunables) for number, _ in part]
    mask = torch.stack([window.mask for window in windows])
    with torch.no_grad():
        output = loop.network([window.excerpts for window in windows], [one for _, one in part], mask)
    return target_losses(output.predictions, torch.stack([one.labels for one in windows]), mask, scope=scope)[0]


@pytest.mark.parametrize(("scores", "epochs"), [((0.5, 0.4), 2), ((0.5, 0.6, 0.4), 3), ((0.5, 0.4, 0.6, 0.4), 4)])
def test_early_stopping_counts_from_the_best_epoch(task: Factory, scores: tuple[float, ...], epochs: int) -> None:
    with scored(*scores):
        loop = run(task(epochs=30, early_stopping=2, windows=2))
    assert loop.epochs == epochs


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_stopped_run_resumes_to_the_same_numbers(task: Factory, stop: int) -> None:
    changed = {"plateau_patience": 0, "min_learning_rate": 2e-3, "epochs": 5, "windows": 4}
    # Each P below the best so far releases a group: after the epochs 1 and 2.
    with scored(0.1, 0.3, 0.2, 0.25, 0.4, 0.5):
        whole = run(task(name="whole", **changed))
        assert [row["released"] for row in whole.history] == [0, 1, 1, 2, 3, 3]
        stopped = task(name=f"stopped{stop}", **changed)
        first = run(stopped, epochs=stop)
        first.save()
        torch.manual_seed(999)
        resumed = run(stopped)
    assert resumed.history == whole.history
    assert resumed.best.keys() == whole.best.keys()
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_another_seed_gives_other_numbers(task: Factory) -> None:
    one, same = (run(task(epochs=1, windows=4)).history for _ in range(2))
    other = run(FinetuneTask(**{**vars(task(epochs=1, windows=4)), "fold": 2})).history
    assert one == same
    assert one[1]["train_loss"] != other[1]["train_loss"]


def test_reduced_precision_learns_finite_numbers(task: Factory) -> None:
    loop = run(task(epochs=1, windows=4, precision="bfloat16"))
    assert all(tensor.isfinite().all() for tensor in loop.network.state_dict().values())
    plain = run(task(epochs=1, windows=4))
    assert loop.history[1]["train_loss"] != plain.history[1]["train_loss"]
    assert loop.history[0]["train_loss"] == pytest.approx(plain.history[0]["train_loss"], abs=0.05)
