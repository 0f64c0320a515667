"""Both backbones on a GPU against its matrix units, and the time of a whole corpus: `python -m benchmarks.gpu`.

The limit is the card's bfloat16 matrix product of 8192 x 8192, measured in the same run. Embedding is measured as the
extract stage does it for a clip that is in memory, copies to and from the card included, and from the clip's file to
its features on disk. Times are of the wall clock, of one process on one card; several cards each run one.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks._results import machine, table, write_section
from benchmarks.extract import clip, work
from pipeline.backbones.common.embed import Extraction, embed_clip
from pipeline.backbones.common.interface import Backbone, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip, write_clip
from pipeline.runtime.device import use_device
from pipeline.runtime.errors import ConfigError

CORPUS = 2_990_000
"""Frames of Aff-Wild2."""

GOAL = 10.0
"""Minutes for both backbones over the corpus, on an H100."""

SIDE = 8192
BATCHES = {"ir50": 1024, "vggish": 1024}


def device() -> torch.device:
    """Return the first GPU.

    Raises
    ------
    ConfigError
        There is none.
    """
    if not torch.cuda.is_available():
        raise ConfigError("benchmarks.gpu measures a CUDA device, and torch finds none on this machine")
    return torch.device("cuda:0")


def minutes(frames_per_second: dict[str, float], frames: int = CORPUS) -> float:
    """Return the minutes that backbones, one after the other, need for so many frames."""
    return sum(frames / rate for rate in frames_per_second.values()) / 60


def seconds(function: Callable[[], Any], *, rounds: int) -> list[float]:
    """Time a function, the copies that it started included, after two calls that do not count."""
    taken = []
    for number in range(rounds + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        if number >= 2:
            taken.append(time.perf_counter() - start)
    return taken


def matrix_rate(card: torch.device, *, rounds: int) -> float:
    """Return billions of multiply-accumulates per second of bfloat16 matrix products."""
    one, two = (torch.randn(SIDE, SIDE, device=card).to(torch.bfloat16) for _ in range(2))
    return 10 * SIDE**3 / 1e9 / min(seconds(lambda: [one @ two for _ in range(10)], rounds=rounds))


def gmacs(name: str) -> float:
    """Count the billions of multiply-accumulates per frame, on the CPU in float32 on a short clip."""
    source = clip(64, 30.0)
    backbone, cpu = load_backbone(name), torch.device("cpu")
    network = backbone.build(Weights()).for_inference(cpu, torch.float32)
    return work(lambda: backbone.embed(network, source, batch=64, device=cpu)) / len(source)


def from_file(name: str, source: Clip, folder: Path, card: torch.device) -> Callable[[], None]:
    """Do what a worker does with one item."""
    file, out = folder / f"{name}.h5", folder / name
    write_clip(file, source)
    out.mkdir()
    extraction = Extraction(
        backbone=name,
        trial=source.trial,
        clip=file,
        content=source.content(load_backbone(name).DATASETS),
        view="centre",
        weights=Weights(),
        precision="bfloat16",
        batch=BATCHES[name],
        store="float16",
    )

    def run() -> None:
        with use_device(str(card)):
            embed_clip(extraction, out)

    return run


def measure(card: torch.device, *, frames: int, rounds: int) -> str:
    """Measure both backbones; return the section."""
    limit = matrix_rate(card, rounds=rounds)
    rows: list[list[Any]] = []
    rates: dict[str, float] = {}
    source = clip(frames, 30.0)
    with tempfile.TemporaryDirectory() as folder:
        for name in BATCHES:
            backbone: Backbone = load_backbone(name)
            network = backbone.build(Weights()).for_inference(card, torch.bfloat16)
            embed = _embedding(backbone, network, source, batch=BATCHES[name], card=card)
            whole, per_frame = from_file(name, source, Path(folder), card), gmacs(name)
            for what, function in (("in memory", embed), ("file to store", whole)):
                taken = seconds(function, rounds=rounds)
                rate = frames / statistics.median(taken)
                spread = f"{frames / max(taken):.0f} to {frames / min(taken):.0f}"
                rows.append([name, what, f"{rate:.0f}", spread, f"{rate * per_frame / limit:.2f}"])
                rates[name] = rate
    needed = minutes(rates)
    verdict = "reached" if needed <= GOAL else f"missed by {needed - GOAL:.1f} minutes"
    header = ["backbone", "clip", "frames/s", "range", "share of the matrix rate"]
    return "\n".join(
        [
            f"{torch.cuda.get_device_name(card)}, torch {torch.__version__}: {limit / 1000:.0f} TMAC/s in bfloat16\n",
            table(header, rows),
            f"\nBoth backbones over {CORPUS / 1e6:.2f} M frames, files to stores, on one card: {needed:.1f} minutes "
            f"(goal {GOAL:.0f} on an H100: {verdict})",
        ]
    )


def _embedding(
    backbone: Backbone, network: torch.nn.Module, source: Clip, *, batch: int, card: torch.device
) -> Callable[[], Any]:
    return lambda: backbone.embed(network, source, batch=batch, device=card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000, help="frames of the clip (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="timings per figure (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    try:
        card = device()
    except ConfigError as error:
        sys.exit(str(error))
    text = measure(card, frames=arguments.frames, rounds=arguments.rounds)
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('gpu', text)}")


if __name__ == "__main__":
    main()
