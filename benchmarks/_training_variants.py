"""What the training benchmark compares: our step, the published loader and layers, and backbones in every step."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad
from torch.utils.data import DataLoader, Dataset

from pipeline.backbones.ir50 import IR50
from pipeline.backbones.vggish import VGGish
from pipeline.models.config import ModelConfig
from pipeline.temporal.blocks.convolutions import TemporalBlock
from pipeline.training.config import TrainingConfig
from pipeline.training.frames import join_frames
from pipeline.training.loop import FoldTask, FoldTraining
from pipeline.training.loss import ccc_loss

MODEL = ModelConfig(
    fusion="gated_joint_cross_attention",
    streams=("ir50", "vggish"),
    temporal="tcn",
    encoders={"audio": {"channels": [128, 128, 64, 64]}},
)
WIDTHS = {"visual": 512, "audio": 128}
TARGETS = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
TRIALS, FRAMES = 8, 1000

Batch = tuple[dict[str, Tensor], Tensor, Tensor]
"""Streams by role (b, t, d), labels (b, t, 2) and mask (b, t)."""


def make_training(folder: Path, **settings: object) -> FoldTraining:
    """Return a training with the preset's widths and window on random embeddings, stored as a stage does."""
    random = np.random.default_rng(0)
    trials = [f"trial{number}" for number in range(TRIALS)]
    features = {
        role: {trial: random.normal(size=(FRAMES, width)).astype(np.float16) for trial in trials}
        for role, width in WIDTHS.items()
    }
    labels = {trial: random.uniform(-1, 1, (FRAMES, 2)).astype(np.float32) for trial in trials}
    table = folder / "table"
    if not table.exists():
        table.mkdir()
        join_frames(features, labels, trials=trials).save(table)
    task = FoldTask(
        fold=0,
        train=tuple(trials[:-1]),
        validation=tuple(trials[-1:]),
        table=table,
        model=MODEL,
        training=TrainingConfig.model_validate({"warm_up_epochs": 0, **settings}),
        targets=TARGETS,
        checkpoint=folder / "checkpoint",
    )
    return FoldTraining(task, torch.device("cpu"))


def our_steps(training: FoldTraining, windows: Sequence[Sequence[int]]) -> list[float]:
    """Learn from batches of windows, given by their numbers, as a fold does; return the losses."""
    training.network.train()
    return [training._step(torch.tensor(batch), {}) for batch in windows]


class WindowFiles(Dataset[tuple[Tensor, ...]]):
    """A file for each window and modality, read one by one: what a loader over exported windows does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def write(cls, folder: Path, training: FoldTraining) -> "WindowFiles":
        """Write the windows of a training, in single precision."""
        folder.mkdir(exist_ok=True)
        for number, (index, mask) in enumerate(zip(training._index, training._mask, strict=True)):
            for role, x in training._streams.items():
                np.save(folder / f"{number}_{role}.npy", x[index].float().numpy())
            np.save(folder / f"{number}_labels.npy", training.labels[index.numpy()])
            np.save(folder / f"{number}_mask.npy", mask.numpy())
        return cls(folder)

    def __len__(self) -> int:
        return len(list(self.folder.glob("*_mask.npy")))

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        parts = (*WIDTHS, "labels", "mask")
        return tuple(torch.from_numpy(np.load(self.folder / f"{number}_{part}.npy")) for part in parts)

    def batches(self, windows: Sequence[Sequence[int]], *, workers: int) -> Iterator[Batch]:
        """Load batches of windows, given by their numbers; the workers live as long as an epoch, as published."""
        batches = [list(batch) for batch in windows]
        loader: DataLoader[tuple[Tensor, ...]] = DataLoader(self, batch_sampler=batches, num_workers=workers)
        for *streams, labels, mask in loader:
            yield dict(zip(WIDTHS, streams, strict=True)), labels, mask


def published_steps(training: FoldTraining, batches: Iterator[Batch]) -> list[float]:
    """Learn from loaded batches with plain PyTorch; return the losses."""
    training.network.train()
    losses = []
    for streams, labels, mask in batches:
        loss = ccc_loss(training.network(streams, mask).predictions, labels, mask)
        training.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        losses.append(float(loss.detach()))
    return losses


class PlainBlock(nn.Module):
    """A temporal block as the published codes write it: Conv1d, LeakyReLU, Dropout; with the tensors of ours."""

    def __init__(self, block: TemporalBlock) -> None:
        super().__init__()
        self.conv1, self.conv2, self.downsample = block.conv1, block.conv2, block.downsample
        self.padding, self.dropout = block.padding, nn.Dropout(block.dropout.p)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(leaky_relu(self.conv1(pad(x, (self.padding, 0))), 0.01))
        y = self.dropout(leaky_relu(self.conv2(pad(y, (self.padding, 0))), 0.01))
        return leaky_relu(y + (x if self.downsample is None else self.downsample(x)), 0.01)


def make_plain(network: nn.Module) -> None:
    """Put plain layers in the place of ours, with the same weights."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, TemporalBlock):
                setattr(module, name, PlainBlock(child))
            elif isinstance(child, nn.Dropout):
                setattr(module, name, nn.Dropout(child.p))


class FrozenBackbones:
    """IR-50 and VGGish on `frames` frames, eager float32 in the default layout, one patch per frame: as published."""

    def __init__(self, frames: int) -> None:
        self.visual, self.audio = IR50().eval(), VGGish().eval()
        self.faces, self.patches = torch.rand(frames, 3, 40, 40), torch.randn(frames, 96, 64)

    @torch.inference_mode()
    def __call__(self) -> None:
        for faces, patches in zip(torch.split(self.faces, 32), torch.split(self.patches, 32), strict=True):
            self.visual(faces)
            self.audio(patches)


class Ceiling:
    """A convolution that oneDNN computes at the machine's own rate: 3 x 3, 512 channels, 32 x 32, channels last."""

    GMAC = 512 * 512 * 9 * 32 * 32 / 1e9

    def __init__(self, precision: torch.dtype) -> None:
        convolution = nn.Conv2d(512, 512, 3, padding=1).to(precision)
        self.convolution = convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.x = torch.randn(1, 512, 32, 32, dtype=precision).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self) -> None:
        for _ in range(5):
            self.convolution(self.x)
