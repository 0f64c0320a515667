"""Time of an epoch on one cached view, on several, and with the backbone run again: `python -m benchmarks.views`.

The published way sends every window through the frozen backbone in every epoch, cropped at a place drawn for it. Here
each view is embedded once and an epoch draws among them. All three train the same unimodal model on the same windows
(300 frames, hop 200, batches of 12) in this one run, validation included. Times are medians over epochs, of the wall
clock.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks._results import machine, table, write_section
from pipeline.backbones import ir50
from pipeline.backbones.common.batches import to_device
from pipeline.backbones.common.weights import Weights
from pipeline.models.config import ModelConfig
from pipeline.training.config import TrainingConfig
from pipeline.training.frames import FrameTable
from pipeline.training.loop import FoldTask, FoldTraining
from pipeline.training.loss import ccc_loss

VIEWS = ("centre", "centre_flipped", "top_left", "top_right", "bottom_left", "bottom_right")
FACE, BATCH = 48, 128
MODEL = ModelConfig(
    fusion="unimodal", temporal="tcn", streams=("ir50",), encoders={"visual": {"channels": [256, 256, 128, 128]}}
)
TARGETS = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}


class Recomputed(FoldTraining):
    """The published way: nothing is cached but the pixels."""

    def __init__(self, task: FoldTask, device: torch.device, *, network: ir50.IR50, faces: np.ndarray) -> None:
        super().__init__(task, device)
        self.backbone, self.faces = network, faces
        self.places = np.random.default_rng(0)

    def embed(self, rows: np.ndarray, top: int, left: int, flip: bool) -> Tensor:
        """Embed the crops of `rows` at one place."""
        pixels = self.faces[rows, top : top + ir50.CROP, left : left + ir50.CROP][:, :, :: -1 if flip else 1]
        with torch.inference_mode():
            parts = to_device(np.ascontiguousarray(pixels), self.device).split(BATCH)
            return torch.cat([self.backbone(_layout(ir50.normalise(part))) for part in parts]).clone()

    def _step(self, batch: Tensor, views: Mapping[str, Tensor]) -> float:
        index, padded = self._index[batch], self._mask[batch]
        windows = [
            self.embed(rows, *self.places.integers(0, FACE - ir50.CROP + 1, 2), self.places.random() < 0.5)
            for rows in index.cpu().numpy()
        ]
        output = self.network({"visual": torch.stack(windows)}, padded)
        loss = ccc_loss(output.predictions, self._labels[index], padded, scope=self.config.scope)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _validate(self) -> dict[str, float]:
        rows, middle = np.unique(self.validation_windows.index), (FACE - ir50.CROP) // 2
        stream = self._streams["visual"]
        stream[torch.from_numpy(rows).to(self.device)] = self.embed(rows, middle, middle, False).to(stream.dtype)
        return super()._validate()


def _layout(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def make_task(folder: Path, trials: int, frames: int, views: int) -> FoldTask:
    """Save a table of noise: what the numbers are takes no part in how long they take."""
    random = np.random.default_rng(0)
    names = [f"trial{number}" for number in range(trials)]
    shape = (views, trials * frames, ir50.DIMENSION) if views > 1 else (trials * frames, ir50.DIMENSION)
    labels = np.cumsum(random.normal(0, 0.02, (trials * frames, 2)), axis=0).clip(-1, 1).astype(np.float32)
    several = {"visual": VIEWS[:views]} if views > 1 else {}
    folder.mkdir()
    stream = random.standard_normal(shape, dtype=np.float32).astype(np.float16)
    FrameTable(dict.fromkeys(names, frames), {"visual": stream}, labels, several).save(folder)
    return FoldTask(
        fold=0,
        train=tuple(names[:-1]),
        validation=tuple(names[-1:]),
        table=folder,
        model=MODEL,
        training=TrainingConfig(),
        targets=TARGETS,
        checkpoint=folder / "checkpoint",
    )


def seconds(training: FoldTraining, epochs: int) -> float:
    training.start()
    taken = [_timed(training.run_epoch, training.device) for _ in range(epochs)]
    # The first epoch of several warms up: libraries choose their kernels in it.
    return statistics.median(taken[1:] or taken)


def _timed(function: Callable[[], Any], device: torch.device) -> float:
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def compare(trials: int, frames: int, epochs: int, device: torch.device) -> str:
    faces = np.random.default_rng(1).integers(0, 256, (trials * frames, FACE, FACE, 3), dtype=np.uint8)
    network = ir50.build(Weights()).requires_grad_(False).to(device, memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        one, many = (make_task(Path(folder) / f"{views}", trials, frames, views) for views in (1, len(VIEWS)))
        published = Recomputed(one, device, network=network, faces=faces)
        windows = len(published.train_windows)
        every = np.arange(trials * frames)
        published.embed(every[: 2 * BATCH], 4, 4, False)
        once = _timed(lambda: published.embed(every, 4, 4, False), device)
        rows = [
            ["one cached view", seconds(FoldTraining(one, device), epochs), once],
            [f"{len(VIEWS)} cached views", seconds(FoldTraining(many, device), epochs), len(VIEWS) * once],
            ["backbone again for every window", seconds(published, 1 if epochs < 4 else 2), 0.0],
        ]
    whole = [
        [name, epoch, f"{epoch / rows[0][1]:.2f}x", f"{first:.1f}", f"{first + 100 * epoch:.0f}"]
        for name, epoch, first in rows
    ]
    header = ["an epoch on", "seconds", "ratio", "embedding once, s", "100 epochs in all, s"]
    size = f"{trials - 1} training trials of {frames} frames ({windows} windows), one validation trial"
    return f"{size}; IR-50 in float32 in batches of {BATCH}\n\n{table(header, whole)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4, help="the last one is for validation (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=500, help="per trial (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=7, help="timed per variant (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{arguments.threads} thread(s)"
    figures = compare(arguments.trials, arguments.frames, arguments.epochs, device)
    text = f"torch {torch.__version__}, {where}, random weights\n\n{figures}"
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('views', text)}")


if __name__ == "__main__":
    main()
