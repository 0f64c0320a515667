"""The stages after extraction at 1/16, 1/4 and the whole of Aff-Wild2's size: `python -m benchmarks.rehearsal`.

Embeddings are random, and the clips' pictures and sound are declared but never written; stages are the real ones. Each
stage is a process of its own. Memory is the largest sum over its processes of what is theirs alone, sampled five times
a second: pages of mapped files belong to the system's cache, and are left out.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from benchmarks._results import table, write_section
from pipeline.clips.clip import SCHEMA, Clip
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.clips.settings import SETTINGS, ClipSettings, write_settings
from pipeline.clips.target import Target
from pipeline.features.store import assemble_store, write_trial
from pipeline.runtime.code import Code
from pipeline.runtime.items import Item, ItemCache, item_key
from pipeline.runtime.materialise import look_up
from tests.models.recipes import store_attributes

ROOT = Path(__file__).parents[1]
TRIALS, FRAMES = 594, 2_880_000
SCALES = {"1/16": (148, FRAMES // 16), "1/4": (297, FRAMES // 4), "1": (TRIALS, FRAMES)}
STREAMS = {"ir50": ("visual", 512), "vggish": ("audio", 128)}
TARGETS = (Target("valence", -1, 1), Target("arousal", -1, 1))
PARAMS = """\
corpus: {kind: affwild2, root: corpus, index: index.csv}
folds: {count: 6}
backbones:
  ir50: {weights: random}
  vggish: {weights: random}
training: {epochs: 1, warm_up_epochs: 0, batch: 32}
models:
  rehearsed: {fusion: concatenation, streams: [ir50, vggish], temporal: identity}
compute: {device: cpu}
"""
GOALS = {
    "train, cached": "under 5 s",
    "train": "under 1 GiB beside the table",
    "dvc status": "under 3 s",
}


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all processors, and the largest memory in MiB that was the processes' own."""

    seconds: float
    processors: float
    memory: float = float("nan")


def measure(command: Sequence[str], folder: Path) -> Cost:
    """Run a command in a folder and follow it and its children."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "AFFECTFLOW_CACHE": str(folder / "cache")}
    log = folder / "log.txt"
    start, before, largest = time.monotonic(), _processor_time(), 0
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        while process.poll() is None:
            largest = max(largest, _own_memory(process.pid))
            time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return Cost(time.monotonic() - start, _processor_time() - before, largest / 2**20)


def _processor_time() -> float:
    """Return the processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _own_memory(pid: int) -> int:
    """Return the bytes that belong to a process and its descendants alone; those that have ended count as nothing."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
            total += 1024 * sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
    return total


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))


def write_project(folder: Path, *, trials: int, frames: int) -> dict[str, Cost]:
    """Write clips, manifest and stores of a corpus, as the stages before would leave them; time what reads items."""
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    clips = folder / "data" / "clips"
    clips.mkdir(parents=True)
    lengths = _lengths(trials, frames)
    names = [f"trial{number:03}" for number in range(trials)]
    named = zip(names, lengths, strict=True)
    rows = [_write_clip(clips, name, length, number) for number, (name, length) in enumerate(named)]
    write_manifest(clips / "manifest.csv", rows)
    write_settings(clips / SETTINGS, ClipSettings(face_size=48, sample_rate=16000))
    cache, code = ItemCache(folder / "cache"), Code.of("pipeline.features.store")
    costs = {}
    for stream, (modality, width) in STREAMS.items():
        items = []
        for name, length in zip(names, lengths, strict=True):
            items.append(Item(name, item_key(stream=stream, trial=name), None, code))
            with cache.create(items[-1].key) as directory:
                _write_features(directory, length, width, seed=len(items))
        costs[f"check items of {stream}"] = _timed(partial(look_up, items, cache=cache, label=stream))
        put_together = partial(
            assemble_store,
            folder / "data" / "features" / f"{stream}.zarr",
            {item.name: cache.path(item.key) for item in items},
            attributes=store_attributes(stream, modality, width),
            checksums={item.name: cache.checksums(item.key) for item in items},
        )
        costs[f"put {stream} together"] = _timed(put_together)
    return costs


def _lengths(trials: int, frames: int) -> list[int]:
    """Spread the frames over trials of very different lengths, as in Aff-Wild2."""
    shares = np.random.default_rng(0).lognormal(sigma=0.8, size=trials)
    return [max(400, int(length)) for length in frames * shares / shares.sum()]


def _write_clip(folder: Path, name: str, length: int, number: int) -> ManifestRow:
    partition = ("train", "train", "train", "train", "validation", "test")[number % 6]
    labels = np.random.default_rng(number).uniform(-1, 1, (length, 2)).astype(np.float32)
    if partition == "test":
        labels[:] = np.nan
    bare = Clip(
        trial=name,
        subject=name,
        partition=partition,  # type: ignore[arg-type]  # one of the three
        fps=30.0,
        targets=TARGETS,
        time=np.arange(length) / 30,
        faces=np.zeros((0, 48, 48, 3), np.uint8),
        face_valid=np.ones(length, bool),
        audio=np.zeros(0, np.int16),
        sample_rate=16000,
        labels=labels,
        alignment={},
        sources={},
    )
    # Given their bytes, of which none is written: holes, where the file system has them.
    allocated = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    allocated.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    with h5py.File(folder / f"{name}.h5", "w") as file:
        attributes = {"schema": SCHEMA, "trial": name, "subject": name, "partition": partition, "fps": 30.0}
        attributes |= {"sample_rate": 16000, "alignment": "{}", "sources": "{}"}
        attributes["targets"] = json.dumps([[target.name, target.low, target.high] for target in TARGETS])
        file.attrs.update(attributes)
        for dataset, values in (("time", bare.time), ("face_valid", bare.face_valid), ("labels", labels)):
            file.create_dataset(dataset, data=values)
        file.create_dataset("faces", shape=(length, 48, 48, 3), dtype=np.uint8, dcpl=allocated, fill_time="never")
        file.create_dataset("audio", shape=(length * 16000 // 30,), dtype=np.int16, dcpl=allocated, fill_time="never")
    known = 0 if partition == "test" else length
    digests = ("0", "0", bare.labels_digest())
    return ManifestRow(name, bare.partition, name, 30.0, length, known, length, length / 30, *digests)


def _write_features(directory: Path, length: int, width: int, *, seed: int) -> None:
    write_trial(
        directory,
        embedding=np.random.default_rng(seed).standard_normal((length, width), dtype=np.float32),
        time=np.arange(length) / 30,
        valid=np.ones(length, bool),
        store="float16",
        attributes={},
    )


def _timed(work: Callable[[], object]) -> Cost:
    start, before = time.monotonic(), time.process_time()
    work()
    return Cost(time.monotonic() - start, time.process_time() - before)


def rehearse(folder: Path, *, trials: int, frames: int) -> tuple[dict[str, Cost], dict[str, float]]:
    """Return what each stage costs, and the size of what it leaves in MiB."""
    costs = write_project(folder, trials=trials, frames=frames)
    python = sys.executable
    costs["folds"] = measure([python, "-m", "stages.folds"], folder)
    for stage in ("train", "evaluate"):
        command = [python, "-m", f"stages.{stage}", "rehearsed"]
        costs[stage] = measure(command, folder)
        costs[f"{stage}, cached"] = measure(command, folder)
    dvc = [python, "-m", "dvc"]
    measure([*dvc, "init", "--no-scm", "--quiet"], folder)
    measure([*dvc, "config", "cache.type", "hardlink,reflink,symlink"], folder)
    costs["dvc add of both stores"] = measure([*dvc, "add", "--quiet", *_stores(folder)], folder)
    costs["dvc status"] = measure([*dvc, "status"], folder)
    places = {"stores": folder / "data" / "features", "items": folder / "cache", "predictions": folder / "predictions"}
    return costs, {name: _size(path) for name, path in places.items()} | {"all of it": _size(folder)}


def _stores(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted((folder / "data" / "features").glob("*.zarr"))]


def _size(folder: Path) -> float:
    """Return the MiB below a folder, each file once however many names it has."""
    status = [file.stat() for file in folder.rglob("*") if file.is_file()]
    return sum({(one.st_dev, one.st_ino): one.st_blocks * 512 for one in status}.values()) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scales", nargs="+", choices=list(SCALES), default=["1/16"])
    parser.add_argument("--folder", type=Path, help="where to work: 12 GiB at full size; emptied again")
    arguments = parser.parse_args()
    columns: list[tuple[str, dict[str, Cost], dict[str, float]]] = []
    for scale in arguments.scales:
        trials, frames = SCALES[scale]
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            columns.append((scale, *rehearse(Path(folder), trials=trials, frames=frames)))
        print(scale, columns[-1], flush=True)
    rows: list[list[object]] = []
    for name in columns[0][1]:
        cells = [costs[name] for _, costs, _ in columns]
        rows.append([name, *(_cell(cost) for cost in cells), GOALS.get(name, "-")])
    for name in columns[0][2]:
        rows += [[f"disk: {name}", *(f"{sizes[name]:.0f} MiB" for _, _, sizes in columns), "-"]]
    header = ["stage", *(f"{scale}: {SCALES[scale][0]} trials" for scale, _, _ in columns), "goal at full size"]
    text = "Random embeddings of two stores, clips without pictures; time by the clock (of all processors), and memory "
    text += "of the processes alone.\n\n"
    text += table(header, rows)
    text += "\n\nWhat bounds the memory of training: `train, cached` is a process that loaded libraries alone. "
    text += "Training is that one and a worker per core, each with the libraries, the activations of a batch, and the "
    text += "labels and windows of all frames."
    print(text)
    print(write_section("rehearsal", text))


def _cell(cost: Cost) -> str:
    times = f"{cost.seconds:.1f} s ({cost.processors:.1f})"
    return times if np.isnan(cost.memory) else f"{times}, {cost.memory:.0f} MiB"


if __name__ == "__main__":
    main()
