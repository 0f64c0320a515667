"""Embedding speed against the published way, and the speed of reading a feature store: `python -m benchmarks.extract`.

The published way is eager float32 in the default layout, one patch per frame. All variants take turns within each
round, on one thread, and are timed in CPU seconds of the process, so that other work on the machine disturbs them
little. The figures are medians over the rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._results import machine, table, write_section
from pipeline.backbones import ir50, vggish
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip
from pipeline.features import store as features
from pipeline.features.store import FeatureStore, assemble_store, write_trial

CPU = torch.device("cpu")
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


def compare(variants: dict[str, Embed], *, frames: int, rounds: int) -> list[list[Any]]:
    """Time every variant once per round; return name, frames per CPU second, ratio to the first, largest difference."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    results = {name: function() for name, function in variants.items()}
    for _ in range(rounds):
        for name, function in variants.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    first = next(iter(variants))
    rows = []
    for name, taken in seconds.items():
        rate = frames / statistics.median(taken)
        # Ratios within a round: what slows the machine for a while slows both sides.
        ratio = statistics.median(a / b for a, b in zip(seconds[first], taken, strict=True))
        error = np.abs(results[name] - results[first]).max() / results[first].std()
        spread = f"{frames / max(taken):.3g}-{frames / min(taken):.3g}"
        rows.append([name, rate, spread, f"{ratio:.2f}x", f"{error:.1e}"])
    return rows


def ours(module: Any, network: torch.nn.Module, source: Clip, *, batch: int, precision: torch.dtype) -> Embed:
    """Do what the extract stage does with a clip that is in memory."""
    placed = module.build(Weights()).to(precision).to(memory_format=torch.channels_last)
    placed.load_state_dict(network.state_dict())
    return lambda: module.embed(placed, source, batch=batch, device=CPU)


def published_visual(network: torch.nn.Module, source: Clip, batch: int) -> Embed:
    @torch.inference_mode()
    def embed() -> np.ndarray:
        faces = torch.from_numpy(ir50.centre_crop(source.faces).transpose(0, 3, 1, 2).copy())
        return torch.cat([network((part.float() / 255 - 0.5) / 0.5) for part in faces.split(batch)]).numpy()

    return embed


def published_audio(network: vggish.VGGish, source: Clip, batch: int) -> Embed:
    @torch.inference_mode()
    def embed() -> np.ndarray:
        patches = torch.from_numpy(vggish.log_mel_patches(source.audio, source.time))[:, None]
        maps = [network.features(part).permute(0, 2, 3, 1).flatten(1) for part in patches.split(batch)]
        return torch.cat([network.embeddings(part) for part in maps]).numpy()

    return embed


def embedding(frames: int, rounds: int) -> str:
    """Compare both backbones with the published way."""
    header = ["variant", "frames/s/core", "range", "ratio", "largest difference / SD"]
    visual, audio = ir50.build(Weights()), vggish.build(Weights())
    source = clip(frames, 30.0)
    variants = {"published: float32, NCHW, batch 32": published_visual(visual, source, 32)}
    for precision in (torch.float32, torch.bfloat16):
        name = f"ours: {str(precision).removeprefix('torch.')}, batch 32"
        variants[name] = ours(ir50, visual, source, batch=32, precision=precision)
    parts = ["IR-50\n", table(header, compare(variants, frames=frames, rounds=rounds))]
    for fps in (25.0, 30.0):
        source = clip(2 * frames, fps)
        variants = {"published: float32, NCHW, patchwise, batch 32": published_audio(audio, source, 32)}
        for precision in (torch.float32, torch.bfloat16):
            name = f"ours: {str(precision).removeprefix('torch.')}, batch 256"
            variants[name] = ours(vggish, audio, source, batch=256, precision=precision)
        parts += [f"\nVGGish at {fps:g} frames/s\n", table(header, compare(variants, frames=2 * frames, rounds=rounds))]
    return "\n".join(parts)


def reading(rounds: int) -> str:
    """Read a store of 40 trials of Aff-Wild2's median length (3937 frames, 512 numbers) into memory."""
    data = np.random.default_rng(0).normal(size=(3937, 512)).astype(np.float16)
    rows = []
    chosen = features.CHUNK_FRAMES
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for chunk in (300, 1000, 4000):
            features.CHUNK_FRAMES = chunk
            item = Path(folder) / f"item{chunk}"
            valid = np.ones(len(data), dtype=np.bool_)
            write_trial(
                item, embedding=data, time=np.arange(len(data)) / 30, valid=valid, store="float16", attributes={}
            )
            path = Path(folder) / f"{chunk}.zarr"
            assemble_store(path, {f"trial{number:02}": item for number in range(40)}, attributes={})
            stores[chunk] = FeatureStore.open(path)
        features.CHUNK_FRAMES = chosen
        rates: dict[int, list[float]] = {chunk: [] for chunk in stores}
        for _ in range(rounds):
            for chunk, store in stores.items():
                start = time.perf_counter()
                size = sum(store.read(trial).embedding.nbytes for trial in store.trials)
                rates[chunk].append(size / 1e6 / (time.perf_counter() - start))
        for chunk, found in rates.items():
            shard = (stores[chunk].path / "trial00/embedding/c/0/0").stat().st_size
            spread = f"{min(found):.0f}-{max(found):.0f}"
            rows.append([chunk, f"{statistics.median(found):.0f}", spread, f"{shard / data.nbytes:.4f}"])
    header = ["most frames per chunk", "MB/s into memory", "range", "size / raw"]
    return "\n".join(["\nFeature store, warm, every checksum verified\n", table(header, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=192, help="frames per timing (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="timings per variant (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = "\n".join(
        [
            f"torch {torch.__version__}, one thread, {arguments.rounds} rounds, random weights\n",
            embedding(arguments.frames, arguments.rounds),
            reading(arguments.rounds),
        ]
    )
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('extract', text)}")


if __name__ == "__main__":
    main()
