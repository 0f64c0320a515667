from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.finetuning.tuning import FoldTuning, TuningTask
from tests.finetuning.factory import make_task, narrow_backbones, train_base, write_clips

Factory = Callable[..., TuningTask]
CPU = torch.device("cpu")
STEADY = {"crop": "centre", "flip": 0.0, "dropout": None}


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with narrow_backbones():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tuning")
    clips = write_clips(folder / "clips")
    return clips, train_base(folder / "base", clips)


@pytest.fixture
def task(material: tuple[Path, Path], tmp_path: Path) -> Factory:
    return lambda **changed: make_task(tmp_path, *material, **changed)


def run(task: TuningTask, epochs: int | None = None, *, dropout: bool = True) -> FoldTuning:
    """Tune to the end, or for so many epochs behind the pass that scores the start."""
    tuning = FoldTuning(task, CPU)
    if not dropout:
        no_dropout(tuning)
    tuning.start()
    while not tuning.finished and (epochs is None or tuning.epochs < epochs):
        tuning.run_epoch()
    return tuning


def state_of(tuning: FoldTuning) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in tuning.network.state_dict().items()}


def no_dropout(tuning: FoldTuning) -> FoldTuning:
    for module in tuning.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return tuning


@pytest.mark.parametrize("released", [1, 2, 3])
def test_only_what_is_released_moves(task: Factory, released: int) -> None:
    tuning = FoldTuning(task(windows=4), CPU)
    tuning.start()
    tuning._begin_phase(released)
    before = state_of(tuning)
    for _ in range(2):
        tuning.run_epoch()
    after = state_of(tuning)
    backbones = [name for name in before if name.startswith("backbones.")]
    moved = {name for name in backbones if not torch.equal(before[name], after[name])}
    expected = {name for name in tuning.network.learning(released) if name.startswith("backbones.")}
    assert moved == expected
    assert {name.split(".")[1] for name in moved} == {"visual", "audio"}
    statistics = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert len(statistics) > 100
    assert any(name.startswith("fusion.") for name in statistics)
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["fusion.model.system.steps.0.W_ja"], after["fusion.model.system.steps.0.W_ja"])


def test_the_start_is_scored_and_nothing_is_learnt_from_it(task: Factory) -> None:
    tuning = FoldTuning(task(), CPU)
    tuning.start()
    before = state_of(tuning)
    tuning.run_epoch()
    assert all(torch.equal(before[name], tensor) for name, tensor in state_of(tuning).items())
    (row,) = tuning.history
    assert (row["epoch"], row["lr"], row["released"]) == (-1, 0.0, 0)
    assert row["p"] == pytest.approx(tuning.fold.metadata["p"], abs=5e-3)


def test_the_loss_falls(task: Factory) -> None:
    tuning = run(task(**STEADY, epochs=8, learning_rate=1e-3), dropout=False)
    losses = [row["train_loss"] for row in tuning.history]
    assert losses[-1] < 0.8 * losses[0]


def test_the_result_is_never_worse_than_the_start(task: Factory) -> None:
    tuning = run(task(epochs=3, learning_rate=0.5))
    assert all(row["p"] < tuning.history[0]["p"] for row in tuning.history[1:])
    assert tuning.best_epoch == -1
    tuning.restore_best()
    fresh = FoldTuning(task(), CPU).network.state_dict()
    assert all(torch.equal(fresh[name], tensor) for name, tensor in tuning.network.state_dict().items())


def test_groups_are_released_one_by_one_when_the_learning_rate_has_run_out(task: Factory) -> None:
    changed = {"plateau_patience": 0, "plateau_factor": 0.1, "min_learning_rate": 1e-3, "epochs": 40}
    tuning = FoldTuning(task(**STEADY, **changed, windows=2, learning_rate=1e-2), CPU)
    tuning.start()
    seen = []
    while not tuning.finished:
        before, optimizer = tuning.network.released, tuning.optimizer
        tuning.run_epoch()
        if tuning.network.released != before:
            assert tuning.optimizer is not optimizer
            assert tuning.schedule.rate == 1e-2
            assert not tuning.optimizer.state
            restored = tuning.network.state_dict()
            assert all(torch.equal(restored[name].cpu(), tensor) for name, tensor in tuning.best.items())
        seen.append((tuning.history[-1]["released"], tuning.history[-1]["lr"]))
    groups = [released for released, _ in seen[1:]]
    assert groups == sorted(groups)
    assert set(groups) == {1, 2, 3}
    # Patience 0: the first epoch that is no better drops the rate to the least one, the second below it.
    for group in (1, 2, 3):
        rates = [rate for released, rate in seen[1:] if released == group]
        assert rates[0] == 1e-2
        assert min(rates) == pytest.approx(1e-3)
        assert rates == sorted(rates, reverse=True)
    assert tuning.finished
    assert tuning.epochs < 40


def test_what_is_released_after_the_best_epoch_returns_to_its_beginning(task: Factory) -> None:
    tuning = FoldTuning(task(windows=2), CPU)
    tuning.start()
    tuning.run_epoch()
    tuning.best = {name: tensor.clone() for name, tensor in tuning.network.learning(1).items()}
    tuning._begin_phase(3)
    tuning.config = tuning.config.model_copy(update={"learning_rate": 0.1})
    origin = state_of(tuning)
    tuning.run_epoch()
    tuning.best = {name: origin[name] for name in tuning.best}
    late = "backbones.visual.body.18.res_layer.1.weight"
    assert not torch.equal(tuning.network.state_dict()[late], origin[late])
    tuning.restore_best()
    assert all(torch.equal(origin[name], tensor) for name, tensor in tuning.network.state_dict().items())


def test_accumulated_gradients_are_those_of_a_bigger_batch(task: Factory) -> None:
    ends = []
    for batch, accumulate in ((4, 1), (2, 2), (1, 4)):
        tuning = no_dropout(FoldTuning(task(batch=batch, accumulate=accumulate, windows=4), CPU))
        tuning.start()
        tuning.run_epoch()
        tuning.optimizer = torch.optim.SGD(tuning.optimizer.param_groups[0]["params"], lr=1e-2)
        tuning.schedule.optimizer = tuning.optimizer
        tuning.run_epoch()
        ends.append((state_of(tuning), tuning.history[-1]["train_loss"]))
    (whole, loss), *others = ends
    moved = 0
    for state, other in others:
        assert other == pytest.approx(loss, abs=1e-5)
        for name, tensor in state.items():
            torch.testing.assert_close(tensor, whole[name], atol=1e-5, rtol=1e-4, msg=name)
            moved += not torch.equal(tensor, tuning.origin.get(name, tensor))
    assert moved > 20


def test_early_stopping_counts_from_the_best_epoch_of_the_phase(task: Factory) -> None:
    tuning = run(task(epochs=30, learning_rate=0.5, early_stopping=2, windows=2))
    assert tuning.best_epoch == -1
    assert tuning.epochs == 2


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_stopped_run_resumes_to_the_same_numbers(task: Factory, stop: int) -> None:
    changed = {"plateau_patience": 0, "min_learning_rate": 2e-3, "epochs": 5, "windows": 4}
    whole = run(task(name="whole", **changed))
    assert whole.history[-1]["released"] > 1
    stopped = task(name=f"stopped{stop}", **changed)
    first = run(stopped, epochs=stop)
    first.save()
    torch.manual_seed(999)
    resumed = run(stopped)
    assert resumed.history == whole.history
    assert resumed.best.keys() == whole.best.keys()
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_another_seed_gives_another_course(task: Factory) -> None:
    one, same = (run(task(epochs=1, windows=4)).history for _ in range(2))
    other = run(TuningTask(**{**vars(task(epochs=1, windows=4)), "fold": 2})).history
    assert one == same
    assert one[1]["train_loss"] != other[1]["train_loss"]


def test_reduced_precision_learns_finite_numbers(task: Factory) -> None:
    tuning = run(task(epochs=1, windows=4, precision="bfloat16"))
    assert all(tensor.isfinite().all() for tensor in tuning.network.state_dict().values())
    plain = run(task(epochs=1, windows=4))
    assert tuning.history[1]["train_loss"] != plain.history[1]["train_loss"]
    assert tuning.history[0]["train_loss"] == pytest.approx(plain.history[0]["train_loss"], abs=0.05)
