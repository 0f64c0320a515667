"""Untrained networks on the demo's training windows: sizes of features, saturation of C, gradients of the encoders."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks._demo import SEEDS, Demo
from benchmarks._gating_figures import at_ends
from benchmarks._initialisation_controls import Control, apply
from pipeline.fusion.blocks.joint_attention import JointCrossAttention, RecursiveAttention
from pipeline.fusion.blocks.matrices import affine
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.fusion_model import FusionModel
from pipeline.models.standardise import Standardise
from pipeline.runtime.executor import one_thread
from pipeline.training.loss import ccc_loss

SATURATED = 0.99
"""Beyond this tanh passes on less than a fiftieth of a gradient."""


@dataclass(frozen=True)
class Start:
    """A network before its first step of training, as the first batches find it.

    Parameters
    ----------
    sizes : standard deviation of the (audio, visual) features behind the encoders and after each iteration
    saturated : by iteration, the share of C beyond `SATURATED`
    gradient : norm of the loss's gradient over all weights of the encoders
    at_ends : share of predictions within 1 % of the range from either end of it
    """

    sizes: tuple[tuple[float, float], ...]
    saturated: tuple[float, ...]
    gradient: float
    at_ends: float


def starts(demo: Demo, rows: Mapping[str, tuple[ModelConfig, Control | None]]) -> dict[str, list[Start]]:
    """Return the start of each row with the first fold's seeds, each a mean over batches of a window of each trial."""
    found = {}
    with one_thread():
        for name, (model, control) in rows.items():
            seeds = [demo.params.training.of_repeat(number).seed for number in range(SEEDS)]
            found[name] = [start(demo, model, control, seed=seed) for seed in seeds]
    return found


def start(demo: Demo, model: ModelConfig, control: Control | None, *, seed: int) -> Start:
    """Build a network and pass the first window of each trial through it, in batches."""
    table, length = demo.table(model.streams), demo.params.training.window
    rows = np.stack([table.rows(trial)[:length] for trial, frames in table.trials.items() if frames >= length])
    streams = {}
    for role, x in table.streams.items():
        standardise = Standardise.fit([x], kind=demo.params.training.standardise)
        streams[role] = standardise(torch.from_numpy(x[rows]).float())
    torch.manual_seed(seed)
    network = build_network(
        model,
        in_features={role: x.shape[-1] for role, x in streams.items()},
        length=length,
        ranges=list(demo.params.corpus.targets.values()),
    )
    if control is not None:
        apply(control, network)
    batches = torch.split(torch.arange(len(rows)), demo.params.training.batch)
    labels = torch.from_numpy(table.labels[rows])
    return mean([of_batch(network, {k: x[batch] for k, x in streams.items()}, labels[batch]) for batch in batches])


def of_batch(network: FusionModel, streams: Mapping[str, Tensor], labels: Tensor) -> Start:
    """Measure one batch, in training mode: the encoders' batch norm has no statistics of its own yet."""
    mask = torch.ones(labels.shape[:2], dtype=torch.bool)
    network.train()
    encoded = network.encode(streams, mask)
    features, _ = network.system(encoded, mask)
    predictions = network.head(features)
    weights = list(network.encoders.parameters())
    gradients = torch.autograd.grad(ccc_loss(predictions, labels, mask), weights, allow_unused=True)
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))
    trail = [(encoded["audio"].detach(), encoded["visual"].detach())]
    saturated = []
    if isinstance(network.system, RecursiveAttention):
        with torch.no_grad():
            for step in network.system.steps:
                assert isinstance(step, JointCrossAttention)
                saturated.append(saturation(step, *trail[-1]))
                trail.append(step(*trail[-1]))
    sizes = tuple((float(x_a.std()), float(x_v.std())) for x_a, x_v in trail)
    return Start(sizes, tuple(saturated), norm, at_ends(predictions.detach().numpy()))


def saturation(step: JointCrossAttention, x_a: Tensor, x_v: Tensor) -> float:
    """Return the share of both modalities' C (eq. 2 and 3) beyond `SATURATED`."""
    J = torch.cat([x_a, x_v], dim=-1)
    pairs = ((x_a, step.W_ja, step.b_ja), (x_v, step.W_jv, step.b_jv))
    C = [torch.tanh(affine(x.transpose(-2, -1), W, b) @ J / math.sqrt(J.shape[-1])) for x, W, b in pairs]
    return float(torch.cat([one.flatten() for one in C]).abs().gt(SATURATED).float().mean())


def mean(measured: Sequence[Start]) -> Start:
    """Average over batches or seeds."""
    sizes = np.mean([one.sizes for one in measured], axis=0)
    return Start(
        sizes=tuple((float(audio), float(visual)) for audio, visual in sizes),
        saturated=tuple(np.mean([one.saturated for one in measured], axis=0).tolist()),
        gradient=float(np.mean([one.gradient for one in measured])),
        at_ends=float(np.mean([one.at_ends for one in measured])),
    )
