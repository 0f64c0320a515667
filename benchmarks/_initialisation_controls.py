"""Systems and starts that are not the paper's: they tell which part of GRJCA its results on the demo come from."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias, cast

import torch
from torch import Tensor, nn

from pipeline.evaluation.runs import Run, all_runs
from pipeline.fusion.blocks.matrices import affine
from pipeline.fusion.blocks.system import AudioVisualSystem, Fused
from pipeline.fusion.gated_joint_cross_attention import GatedRecursiveJointCrossAttention
from pipeline.models.fusion_model import FusionModel
from pipeline.runtime.device import current_device
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import Item, item_key
from pipeline.runtime.materialise import materialise
from pipeline.training.frames import FrameSource
from pipeline.training.history import HISTORY, History
from pipeline.training.loop import FoldTask, FoldTraining
from pipeline.training.model import ModelTraining

Control: TypeAlias = Literal[
    "straight", "rectified", "all Xavier", "all Xavier, small head", "no ReLU", "fan-in, no ReLU"
]


class Straight(AudioVisualSystem):
    """[X_a; X_v] or its ReLU, with neither attention nor gates."""

    def __init__(self, *, d_a: int, d_v: int, rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
        self.out_features = d_a + d_v

    def forward(self, x: Mapping[str, Tensor], mask: Tensor) -> Fused:
        """Pass x : (b, t, d_a) and (b, t, d_v) on."""
        features = torch.cat([x["audio"], x["visual"]], dim=-1)
        return torch.relu(features) if self.rectified else features, {}


class WithoutReLU(GatedRecursiveJointCrossAttention):
    """GRJCA whose gates' sums (eq. 12 to 15) do not pass through ReLU."""

    def _gate(
        self,
        trail: tuple[Tensor, ...],
        W_gl: nn.ParameterList,
        b_gl: nn.ParameterList | None,
        W_gf: Tensor,
        b_gf: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        gates, gated = [], []
        for i, (before, after) in enumerate(pairwise(trail)):
            G = self._softmax(affine(after, W_gl[i], None if b_gl is None else b_gl[i]))
            gates.append(G)
            gated.append(G[..., :1] * before + G[..., 1:] * after)
        G_f = self._softmax(affine(torch.cat(gated, dim=-1), W_gf, b_gf))
        final = (torch.stack(gated, dim=-1) * G_f.unsqueeze(-2)).sum(dim=-1)
        return final, torch.stack(gates, dim=-2), G_f


def apply(control: Control, model: FusionModel) -> None:
    """Turn an untrained GRJCA, RJCA or JCA model into one of the controls, in place.

    ``straight`` and ``rectified`` put the encoders' output, or its ReLU, into the head. ``all Xavier`` draws W_h from
    Xavier's distribution, as W_j and W_c; ``small head`` also multiplies the head's last layer by 0.05, so that no
    prediction saturates. ``no ReLU`` leaves those of eq. 12 to 15 out; ``fan-in`` draws W_j and W_c uniformly between
    -1/sqrt(n) and 1/sqrt(n) for n inputs, as PyTorch's linear layers start.
    """
    system = model.system
    if control in ("straight", "rectified"):
        d_a, d_v = (int(cast(int, model.encoders[role].out_features)) for role in ("audio", "visual"))
        model.system = Straight(d_a=d_a, d_v=d_v, rectified=control == "rectified")
    if control in ("all Xavier", "all Xavier, small head"):
        for weight in _weights(system, "W_h"):
            nn.init.xavier_uniform_(weight)
    if control == "all Xavier, small head":
        last = [layer for layer in model.head.modules() if isinstance(layer, nn.Linear)][-1]
        with torch.no_grad():
            for parameter in last.parameters():
                parameter.mul_(0.05)
    if control in ("no ReLU", "fan-in, no ReLU"):
        model.system = _without_relu(cast(GatedRecursiveJointCrossAttention, system))
    if control == "fan-in, no ReLU":
        for weight in (*_weights(model.system, "W_j"), *_weights(model.system, "W_c")):
            nn.init.uniform_(weight, -(len(weight) ** -0.5), len(weight) ** -0.5)


def _weights(system: nn.Module, symbol: str) -> list[nn.Parameter]:
    found = [p for name, p in system.named_parameters() if name.rpartition(".")[2] in (f"{symbol}a", f"{symbol}v")]
    assert found
    return found


def _without_relu(system: GatedRecursiveJointCrossAttention) -> WithoutReLU:
    step = system.steps[0]
    d_a, d_v = len(cast(Tensor, step.W_ca)), len(cast(Tensor, step.W_cv))
    changed = WithoutReLU(
        d_a=d_a,
        d_v=d_v,
        length=len(cast(Tensor, step.W_ja)),
        iterations=len(system.steps),
        temperature=system.temperature,
    )
    changed.load_state_dict(system.state_dict())
    return changed


@dataclass(frozen=True)
class ControlTask:
    """A fold to train, and what to change in its network first."""

    fold: FoldTask
    control: Control


class ControlFold(FoldTraining):
    """The training of a fold whose network is changed before its first step."""

    def __init__(self, task: ControlTask, device: torch.device) -> None:
        self.control: Control = task.control
        super().__init__(task.fold, device)

    def begin_phase(self) -> None:
        """Change the network, then start with an optimiser over what it holds now."""
        apply(self.control, cast(FusionModel, self.network.model))
        self.network.to(self.device)
        super().begin_phase()


def train_control(task: ControlTask, directory: Path) -> None:
    """Train one fold of a control and write its history; the item function, resumable as `train_fold` is."""
    run = ControlFold(task, current_device())
    run.run()
    summary = {"p": run.best_row["p"], "best_epoch": run.best_epoch, "epochs": run.epochs}
    History(summary, run.history).write(directory / HISTORY)
    run.checkpoint.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class ControlledTraining(ModelTraining):
    """The folds and repeats of a model as a control; the keys of its items hold this file's source too."""

    control: Control

    def run(self, frames: FrameSource) -> dict[Run, Path]:
        """Train what the cache does not hold yet; return the directory of each repeat of each fold."""
        with tempfile.TemporaryDirectory(prefix="affectflow-") as saved:
            frames.save(Path(saved))
            runs = all_runs(range(len(self.folds)), repeats=self.training.repeats)
            items = {run: self._controlled(self._item(run, frames, Path(saved), {})) for run in runs}
            label = f"train {self.name}"
            done = materialise(
                list(items.values()), train_control, cache=self.cache, executor=self.executor, label=label
            )
        return {run: done.paths[item.name] for run, item in items.items()}

    def _controlled(self, item: Item) -> Item:
        key = item_key(kind="control", model=item.key, control=self.control, source=sha256_file(Path(__file__)))
        fold = replace(item.payload, checkpoint=self.cache.checkpoint(key))
        return Item(item.name, key, ControlTask(fold, self.control), item.code)
