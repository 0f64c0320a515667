"""Embedding speed against the published way and the machine's own limit: `python -m benchmarks.extract`.

The published way is eager float32 in the default layout, one patch per frame. The limit is oneDNN's convolution of a
shape that it likes (3 x 3, 512 channels, 32 x 32 places), in either precision. All take turns within each round, on one
pinned thread, in CPU seconds of the process; ratios are taken within a round. The speed of reading a feature store
follows.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._results import machine, table, write_section
from benchmarks._timing import Times, one_pinned_thread, spread, take_turns
from pipeline.backbones import ir50, vggish
from pipeline.backbones.common import embed as item
from pipeline.backbones.common.checkpoints import PublishedNetwork
from pipeline.backbones.common.embed import Extraction, Precision, embed_clip
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip, write_clip
from pipeline.features import trial_file
from pipeline.features.store import FeatureStore, assemble_store, write_trial
from pipeline.runtime.device import computes_bfloat16

CPU = torch.device("cpu")
NETWORK, END_TO_END = 0.90, 0.85
"""Shares of the limit to be reached: by IR-50's network, and from a clip's file to its features on disk."""

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
BATCHES = {"ir50": 32, "vggish": 256}

Embed = Callable[[], np.ndarray]


def clip(frames: int, fps: float) -> Clip:
    random = np.random.default_rng(0)
    return Clip(
        trial="bench",
        subject="bench",
        partition="train",
        fps=fps,
        targets=(),
        time=np.arange(frames) / fps,
        faces=random.integers(0, 256, (frames, 48, 48, 3), dtype=np.uint8),
        face_valid=np.ones(frames, dtype=np.bool_),
        audio=random_sound(frames / fps, seed=1),
        sample_rate=16000,
        labels=np.zeros((frames, 0), dtype=np.float32),
        alignment={},
        sources={},
    )


@cache
def built(name: str) -> PublishedNetwork:
    """Make a network with random weights once: fitting them takes seconds."""
    return load_backbone(name).build(Weights())


def placed(name: str, weights: Weights, precision: Precision, device: str) -> torch.nn.Module:
    """Make what a worker computes with."""
    return copy.deepcopy(built(name)).for_inference(torch.device(device), getattr(torch, precision))


def limit(precision: Precision) -> tuple[Callable[[], Any], float]:
    """Return a convolution at the machine's limit, and its billions of multiply-accumulates."""
    dtype = getattr(torch, precision)
    x, weight = (
        torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last)
        for shape in ((4, 512, 32, 32), (512, 512, 3, 3))
    )

    @torch.inference_mode()
    def convolve() -> None:
        functional.conv2d(x, weight, padding=1)

    return convolve, x.numel() * weight[0].numel() / 1e9


def ours(module: Any, source: Clip, *, batch: int, precision: Precision) -> Embed:
    """Do what the extract stage does with a clip that is in memory."""
    network = placed(module.__name__.rpartition(".")[2], Weights(), precision, "cpu")
    return lambda: module.embed(network, source, batch=batch, device=CPU)


def end_to_end(source: Clip, folder: Path, *, batch: int, precision: Precision) -> Callable[[], None]:
    """Do what a worker does with one IR-50 item: from the clip's file to the features' files."""
    file, out = folder / "bench.h5", folder / f"item-{precision}"
    write_clip(file, source)
    out.mkdir()
    extraction = Extraction(
        backbone="ir50",
        trial=source.trial,
        clip=file,
        content=source.content(ir50.DATASETS),
        view="centre",
        weights=Weights(),
        precision=precision,
        batch=batch,
        store="float16",
    )
    return lambda: embed_clip(extraction, out)


def published_visual(source: Clip, batch: int) -> Embed:
    network = built("ir50")

    @torch.inference_mode()
    def embed() -> np.ndarray:
        faces = torch.from_numpy(ir50.centre_crop(source.faces).transpose(0, 3, 1, 2).copy())
        return torch.cat([network((part.float() / 255 - 0.5) / 0.5) for part in torch.split(faces, batch)]).numpy()

    return embed


def published_audio(source: Clip, batch: int) -> Embed:
    network = built("vggish")
    assert isinstance(network, vggish.VGGish)

    @torch.inference_mode()
    def embed() -> np.ndarray:
        patches = torch.from_numpy(vggish.log_mel_patches(source.audio, source.time))[:, None]
        maps = [network.features(part).permute(0, 2, 3, 1).flatten(1) for part in torch.split(patches, batch)]
        return torch.cat([network.embeddings(part) for part in maps]).numpy()

    return embed


def work(embed: Callable[[], Any]) -> float:
    """Count the billions of multiply-accumulates of a call; oneDNN's fused operators are not among what is counted."""
    with FlopCounterMode(display=False) as counter:
        embed()
    return float(counter.get_total_flops()) / 2e9


def compare(name: str, source: Clip, folder: Path, *, rounds: int) -> str:
    """Compare a backbone with the published way and with the limit."""
    module, batch, frames = (ir50, vggish)[name == "vggish"], BATCHES[name], len(source)
    published = (published_audio if name == "vggish" else published_visual)(source, 32)
    embeds: dict[str, Embed] = {"published: float32, batch 32": published}
    embeds |= {f"ours: {each}": ours(module, source, batch=batch, precision=each) for each in PRECISIONS}
    gmacs = work(embeds["ours: float32"])
    variants: dict[str, Callable[[], Any]] = dict(embeds)
    if name == "ir50":
        for each in PRECISIONS:
            variants[f"ours, file to store: {each}"] = end_to_end(source, folder, batch=batch, precision=each)
    # A worker of a stage keeps the one network that all its items need; here two take turns.
    item.inference_network = cache(placed)
    limits = {each: limit(each) for each in PRECISIONS}
    variants |= {f"limit: {each}": function for each, (function, _) in limits.items()}
    with one_pinned_thread():
        times = take_turns(variants, rounds=rounds)
    reference = times["published: float32, batch 32"].result
    rows = []
    for variant in [key for key in variants if not key.startswith("limit")]:
        precision: Precision = "bfloat16" if "bfloat16" in variant else "float32"
        share = ""
        if not variant.startswith("published"):
            peak = limits[precision][1]
            scaled = tuple(taken * gmacs / peak for taken in times[f"limit: {precision}"].seconds)
            share = spread(times[variant].over(Times(scaled)))
        goal = "" if name == "vggish" or not share else END_TO_END if "store" in variant else NETWORK
        cosine = _cosine(times[variant].result, reference) if variant in embeds else ""
        rate = f"{times[variant].rate(frames):.3g}"
        rows.append(
            [
                variant,
                rate,
                times[variant].rates(frames),
                spread(times[variant].over(times[next(iter(times))])),
                share,
                goal,
                _missed(share, goal),
                cosine,
            ]
        )
    peaks = ", ".join(
        f"{times[f'limit: {each}'].rate(peak):.0f} GMAC/s in {each}" for each, (_, peak) in limits.items()
    )
    header = [
        "variant",
        "frames/s/core",
        "range",
        "times the published",
        "share of the limit",
        "goal",
        "missed by",
        "cosine",
    ]
    notes = (
        f"\nLimit: {peaks}. {1000 * gmacs / frames:.0f} MMAC per frame. Cosine: the lowest of any frame, to the "
        "published way."
    )
    return f"{table(header, rows)}\n{notes}\n\n{profiled(embeds['ours: bfloat16'])}"


def _missed(share: str, goal: float | str) -> str:
    if not share or not isinstance(goal, float):
        return ""
    reached = float(share.split()[0])
    return f"{goal - reached:.2f}" if reached < goal else "no"


def _cosine(found: np.ndarray, reference: np.ndarray) -> str:
    one, two = torch.from_numpy(found), torch.from_numpy(reference)
    return f"{functional.cosine_similarity(one, two).min():.5f}"


def profiled(function: Callable[[], Any]) -> str:
    """Say which operators the time of one call goes to."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        function()
    seconds: Mapping[str, float] = {event.key: event.self_cpu_time_total for event in recorded.key_averages()}
    total = sum(seconds.values())
    largest = sorted(seconds.items(), key=lambda item: -item[1])[:6]
    return "bfloat16 by operator: " + ", ".join(f"`{key}` {100 * spent / total:.0f} %" for key, spent in largest)


def embedding(frames: int, rounds: int) -> str:
    """Compare both backbones with the published way."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        parts += ["IR-50\n", compare("ir50", clip(frames, 30.0), Path(folder), rounds=rounds)]
        for fps in (25.0, 30.0):
            source = clip(2 * frames, fps)
            parts += [f"\nVGGish at {fps:g} frames/s\n", compare("vggish", source, Path(folder), rounds=rounds)]
    return "\n".join(parts)


def reading(rounds: int) -> str:
    """Read a store of 40 trials of Aff-Wild2's median length (3937 frames, 512 numbers) into memory."""
    data = np.random.default_rng(0).normal(size=(3937, 512)).astype(np.float16)
    rows = []
    chosen = trial_file.CHUNK_FRAMES
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for chunk in (300, 1000, 4000):
            trial_file.CHUNK_FRAMES = chunk
            item = Path(folder) / f"item{chunk}"
            valid = np.ones(len(data), dtype=np.bool_)
            write_trial(
                item, embedding=data, time=np.arange(len(data)) / 30, valid=valid, store="float16", attributes={}
            )
            path = Path(folder) / f"{chunk}.zarr"
            assemble_store(path, {f"trial{number:02}": item for number in range(40)}, attributes={})
            stores[chunk] = FeatureStore.open(path)
        trial_file.CHUNK_FRAMES = chosen
        rates: dict[int, list[float]] = {chunk: [] for chunk in stores}
        for _ in range(rounds):
            for chunk, store in stores.items():
                start = time.perf_counter()
                size = sum(store.read(trial).embedding.nbytes for trial in store.trials)
                rates[chunk].append(size / 1e6 / (time.perf_counter() - start))
        for chunk, found in rates.items():
            size_of_file = stores[chunk].file("trial00").stat().st_size
            spread = f"{min(found):.0f}-{max(found):.0f}"
            rows.append([chunk, f"{statistics.median(found):.0f}", spread, f"{size_of_file / data.nbytes:.4f}"])
    header = ["most frames per chunk", "MB/s into memory", "range", "size / raw"]
    return "\n".join(["\nFeature store, warm, every checksum verified\n", table(header, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=192, help="frames per timing (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="timings per variant (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    native = "has" if computes_bfloat16("cpu") else "has no"
    text = "\n".join(
        [
            f"torch {torch.__version__}, one pinned thread, {arguments.rounds} rounds, random weights; the processor "
            f"{native} instructions for bfloat16. Figures are medians, in brackets the range.\n",
            embedding(arguments.frames, arguments.rounds),
            reading(arguments.rounds),
        ]
    )
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('extract', text)}")


if __name__ == "__main__":
    main()
