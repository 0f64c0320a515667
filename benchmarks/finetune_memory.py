"""Measure the memory that end-to-end fine-tuning of GRJCA takes: ``python -m benchmarks.finetune_memory``.

One training step with the paper's widths over IR-50 and VGGish, Adam included. On a GPU the figure is what PyTorch has
allocated at most; on a CPU it is how far the process has grown at most, libraries included.
"""

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from benchmarks._results import table, write_section
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.finetuning.fold import join_backbones
from pipeline.finetuning.network import EndToEndNetwork
from pipeline.finetuning.task import StreamSource
from pipeline.finetuning.tunable import Augmentation
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.standardise import Standardise
from pipeline.models.trained import StandardisedNetwork
from pipeline.training.loss import ccc_loss

MODEL = ModelConfig(
    fusion="gated_joint_cross_attention",
    streams=("ir50", "vggish"),
    temporal="tcn",
    encoders={"visual": {"channels": [256, 256, 128, 128]}, "audio": {"channels": [128, 128, 64, 64]}},
)
ROLES = {"visual": "ir50", "audio": "vggish"}
FPS = 30
RANGES = [(-1.0, 1.0)] * 2


def build(length: int, *, chunk: int) -> EndToEndNetwork:
    """Build GRJCA over random backbones."""
    widths = {role: load_backbone(name).DIMENSION for role, name in ROLES.items()}
    fusion = StandardisedNetwork(
        standardise={role: Standardise(mean=torch.zeros(d), std=torch.ones(d)) for role, d in widths.items()},
        model=build_network(MODEL, in_features=widths, length=length, ranges=RANGES),
    )
    sources = {role: StreamSource(name, Weights(), 32) for role, name in ROLES.items()}
    return join_backbones(sources, fusion, chunk=chunk)


def peak_bytes(
    *, windows: int, released: int, chunk: int, precision: torch.dtype, device: torch.device, length: int = 300
) -> int:
    """Return the most memory that one training step takes.

    Parameters
    ----------
    windows : in the batch
    released : groups of each backbone
    chunk : frames at a time in the released part
    precision : float32, or bfloat16 for autocast
    device : a GPU, or the CPU
    length : frames in a window
    """
    with peak(device) as most:
        network = build(length, chunk=chunk).to(device).train()
        network.release(released)
        optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-5)
        random = np.random.default_rng(0)
        faces = random.integers(0, 256, (length, 48, 48, 3), dtype=np.uint8)
        starts = np.rint(np.arange(length) * 100 / FPS).astype(np.int64)
        rows = random.normal(0, 2, (int(starts[-1]) + 96, 64)).astype(np.float32)
        batch = [{"visual": (faces,), "audio": (rows, starts)}] * windows
        mask = torch.ones(windows, length, dtype=torch.bool, device=device)
        labels = torch.rand(windows, length, len(RANGES), device=device)
        # The first step on a GPU has no optimiser state yet.
        for _ in range(2 if device.type == "cuda" else 1):
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
                predictions = network(batch, [Augmentation()] * windows, mask).predictions
            ccc_loss(predictions, labels, mask).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
    return most[0]


@contextmanager
def peak(device: torch.device) -> Iterator[list[int]]:
    """Give a list whose only entry, after the block, is the most memory in bytes that was taken in it."""
    most = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield most
        most[0] = torch.cuda.max_memory_allocated(device)
        return
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    yield most
    done.set()
    thread.join()


def measure(case: tuple[int, int, int, str]) -> float:
    """Return a case's peak in GB; run in a process of its own, which holds nothing of an earlier one."""
    windows, released, chunk, precision = case
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = getattr(torch, precision)
    return peak_bytes(windows=windows, released=released, chunk=chunk, precision=kind, device=device) / 1e9


def main() -> None:
    """Measure and write the table."""
    cases = [
        (windows, released, chunk, precision)
        for windows in (1, 2)
        for released, chunk, precision in ((1, 32, "float32"), (3, 32, "float32"), (3, 300, "float32"))
    ]
    cases.append((2, 3, 32, "bfloat16"))
    rows = []
    for case in cases:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append((*case, pool.apply(measure, (case,))))
        print(*rows[-1], file=sys.stderr)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, resident memory of the whole process"
    head = table(["windows of 300 frames", "groups released", "chunk", "precision", "peak GB"], rows)
    write_section("finetune_memory", f"{head}\n\nOn: {where}.")


if __name__ == "__main__":
    main()
