from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks import _initialisation_tables as tables
from benchmarks._demo import PAGE
from benchmarks._initialisation_controls import Control, ControlledTraining, apply
from benchmarks._initialisation_start import Start, mean, of_batch
from benchmarks._initialisation_tables import Training
from benchmarks._loss_plot import draw
from pipeline.evaluation.folds import Fold
from pipeline.evaluation.runs import Run
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.fusion_model import FusionModel
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import ItemCache
from pipeline.training.history import HISTORY, History
from pipeline.training.model import ModelTraining
from tests.training.conftest import MODEL, SETTINGS, TARGETS, TRAIN, VALIDATION, make_table

WIDTHS, LENGTH = {"visual": 24, "audio": 16}, 40
CONTROLS: tuple[Control, ...] = get_args(Control)
WHOLE = torch.ones(2, LENGTH, dtype=torch.bool)


def grjca(control: Control | None = None) -> FusionModel:
    torch.manual_seed(0)
    config = ModelConfig(fusion="gated_joint_cross_attention", streams=("any",), temporal="identity")
    model = build_network(config, in_features=WIDTHS, length=LENGTH, ranges=list(TARGETS.values())).eval()
    if control is not None:
        apply(control, model)
    return model


def streams() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {role: torch.randn(2, LENGTH, width, generator=generator) for role, width in WIDTHS.items()}


def changed(control: Control) -> set[str]:
    """Name the weights that a control draws itself, by their symbol."""
    before, after = grjca().state_dict(), grjca(control).state_dict()
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("control", ["straight", "rectified"])
def test_the_head_reads_the_encoders_output_or_its_relu(control: Control) -> None:
    x = streams()
    both = torch.cat([x["audio"], x["visual"]], dim=-1)
    features = grjca(control)(x, WHOLE).features
    assert torch.equal(features, both if control == "straight" else torch.relu(both))


def test_all_xavier_draws_the_matrices_that_start_at_zero() -> None:
    expected = {f"system.steps.{i}.W_h{m}" for i in range(2) for m in "av"}
    assert changed("all Xavier") == expected
    small = changed("all Xavier, small head")
    assert small == expected | {"head.mlp.2.weight", "head.mlp.2.bias"}
    last, before = grjca("all Xavier, small head").head, grjca().head
    torch.testing.assert_close(last.state_dict()["mlp.2.weight"], 0.05 * before.state_dict()["mlp.2.weight"])


def test_without_relu_an_untrained_model_passes_negative_features_on() -> None:
    x = streams()
    both = torch.cat([x["audio"], x["visual"]], dim=-1)
    torch.testing.assert_close(grjca("no ReLU")(x, WHOLE).features, both)
    torch.testing.assert_close(grjca()(x, WHOLE).features, torch.relu(both))
    assert changed("no ReLU") == set()


def test_without_relu_the_gates_are_the_same() -> None:
    plain, without = grjca("all Xavier"), grjca("no ReLU")
    without.system.load_state_dict(plain.system.state_dict())
    expected, got = plain(streams(), WHOLE), without(streams(), WHOLE)
    assert torch.equal(got.attention["audio"], expected.attention["audio"])
    assert not (expected.features < 0).any()
    assert (got.features < 0).any()


def test_fan_in_draws_as_linear_layers_do() -> None:
    assert {name.rpartition(".")[2][:3] for name in changed("fan-in, no ReLU")} == {"W_j", "W_c"}
    weights = grjca("fan-in, no ReLU").state_dict()
    for name, n in (("system.steps.0.W_ja", LENGTH), ("system.steps.1.W_cv", WIDTHS["visual"])):
        assert 0.9 * n**-0.5 < float(weights[name].abs().max()) <= n**-0.5


def training(cache: ItemCache, control: Control | None = None) -> ModelTraining:
    settings = SETTINGS.model_copy(update={"epochs": 2, "repeats": 2})
    kind = ModelTraining if control is None else partial(ControlledTraining, control=control)
    return kind(
        name="grjca",
        model=MODEL,
        training=settings,
        targets=TARGETS,
        folds=[Fold(train=TRAIN, validation=VALIDATION), Fold(train=VALIDATION, validation=TRAIN)],
        cache=cache,
        executor=Executor(engine="serial"),
    )


def test_each_fold_and_repeat_of_a_control_is_an_item_of_its_own(tmp_path: Path) -> None:
    cache, table = ItemCache(tmp_path), make_table()
    plain, *controls = [
        training(cache, control).run(table) for control in (None, "straight", "rectified", "all Xavier")
    ]
    assert len({path for paths in (plain, *controls) for path in paths.values()}) == 4 * 4
    losses = set()
    for paths in controls:
        assert set(paths) == {Run(fold, repeat) for fold in range(2) for repeat in range(2)}
        history = History.read(paths[Run(0, 1)] / HISTORY)
        assert len(history.rows) == history.summary["epochs"] == 2
        assert history.summary["p"] == max(row["p"] for row in history.rows)
        losses.add(history.rows[0]["train_loss"])
    assert len(losses) == len(controls)
    times = {path: (path / HISTORY).stat().st_mtime_ns for path in controls[0].values()}
    again = training(cache, "straight").run(table)
    assert {path: (path / HISTORY).stat().st_mtime_ns for path in again.values()} == times
    assert not list((tmp_path / "checkpoints").glob("*"))


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_learns(control: Control) -> None:
    model = grjca(control)
    torch.autograd.backward(model(streams(), WHOLE).predictions.square().sum())
    reached = [p.grad is not None and bool(p.grad.any()) for p in model.head.parameters()]
    assert reached
    assert all(reached)


def test_the_start_is_measured() -> None:
    labels = torch.rand(2, LENGTH, 2, generator=torch.Generator().manual_seed(2)) * 2 - 1
    found = {control: of_encoded(control, labels) for control in (None, "all Xavier", "straight")}
    zero, xavier, straight = found[None], found["all Xavier"], found["straight"]
    assert zero.sizes == pytest.approx(np.repeat(zero.sizes[:1], 3, axis=0))
    assert xavier.sizes[2][0] > 3 * xavier.sizes[0][0]
    assert xavier.saturated[1] > 5 * zero.saturated[1]
    assert xavier.gradient > zero.gradient > 0
    assert straight.saturated == ()
    assert len(straight.sizes) == 1


def of_encoded(control: Control | None, labels: torch.Tensor) -> Start:
    model = grjca(control)
    model.encoders = torch.nn.ModuleDict({role: Encoder(width) for role, width in WIDTHS.items()})
    return of_batch(model, streams(), labels)


class Encoder(torch.nn.Module):
    """Scale each feature; a gradient can be measured there."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_features = width
        self.scale = torch.nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


def test_starts_are_averaged() -> None:
    found = mean([Start(((1.0, 2.0),), (0.25,), 1.0, 0.0), Start(((3.0, 2.0),), (0.75,), 3.0, 0.5)])
    assert found == Start(((2.0, 2.0),), (0.5,), 2.0, 0.25)


def trained(*p: float, losses: Sequence[float] = (1.0, 0.5)) -> list[Training]:
    """Trainings of two folds, P 0.1 apart, one for each seed."""
    rows = [{"train_loss": loss} for loss in losses]
    return [Training((History({"p": one - 0.05}, rows), History({"p": one + 0.05}, rows))) for one in p]


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_results_are_means_over_folds_then_over_seeds() -> None:
    long = [1.0, 0.9, 0.8, 0.7, 0.6, 0.1]
    table = tables.results_table({"a": trained(0.5, 0.7, 0.6), "b": trained(0.2, 0.2, 0.2, losses=long)})
    assert rows_of(table) == [["a", "0.600 ± 0.100", "0.50 ± 0.00"], ["b", "0.200 ± 0.000", "0.60 ± 0.00"]]


def test_differences_are_paired_by_seed() -> None:
    names = {name for first, second, _ in tables.PAIRS for name in (first, second)}
    of_all = {name: trained(0.5, 0.6, 0.8) for name in names} | {tables.RECTIFIED: trained(0.4, 0.5, 0.6)}
    rows = {row[1]: row[2] for row in rows_of(tables.differences_table(of_all))}
    low, high = stats.ttest_1samp([-0.1, -0.1, -0.2], 0).confidence_interval(0.95)
    assert rows[f"{tables.RECTIFIED} less {tables.STRAIGHT}"] == f"-0.133 ± 0.058 [{low:.3f}, {high:.3f}]"
    assert rows["GRJCA, W_h = 0 less ReLU(X) into GRJCA's head"].startswith("0.133 ± 0.058")


def test_a_model_without_attention_has_empty_cells() -> None:
    with_attention = [Start(((1.0, 1.0), (2.0, 2.5)), (0.875,), gradient, 0.25) for gradient in (2.0, 30.0)]
    table = tables.start_table({"a": with_attention, "b": [Start(((1.0, 1.0),), (), 0.5, 0.0)]})
    assert rows_of(table) == [
        ["a", "1.0, 1.0", "2.0, 2.5", "88 %", "25 %", "2.0 to 30.0"],
        ["b", "1.0, 1.0", "", "", "0 %", "0.5 to 0.5"],
    ]


def test_the_page_has_a_place_for_every_table() -> None:
    every = {name: trained(0.1, 0.2) for name in vars(tables).values() if isinstance(name, str)}
    starts = {"a": [Start(((1.0, 1.0), (1.0, 1.0)), (0.5,), 1.0, 0.0)]}
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    for name in tables.sections(every, starts):
        assert f"<!-- {name} -->\n" in text
        assert f"<!-- /{name} -->" in text
    curves = tables.curves(every)
    assert len(curves) == len(tables.CURVES)
    assert all(len(losses) == 2 * 2 for losses in curves.values())


def test_the_same_losses_draw_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw({"m": [[1.0, 0.5, 0.4], [1.0]]}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
