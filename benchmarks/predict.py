"""Processor time of each step of `affectflow predict`: `python -m benchmarks.predict MODEL VIDEO... [--fast]`.

One pinned thread; the memory is the process's own, without what it maps from files. MODEL is what `--model` takes.
"""

import argparse
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.inference.arithmetic import executor_for
from pipeline.inference.source import locate


class Meter:
    """Seconds of processor time by step, and the most anonymous memory so far, MiB."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.memory = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the block's processor time to a step."""
        begin = time.process_time()
        yield
        self.seconds[name] += time.process_time() - begin

    def _watch(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            held = next(line for line in lines if line.startswith("RssAnon"))
            self.memory = max(self.memory, int(held.split()[1]) / 1024)
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--fast", action="store_true")
    given = parser.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    source = locate(given.model)
    executor = executor_for(source.recipe, fast=given.fast, device="cpu", workers=1)
    from pipeline.clips.target import targets_of
    from pipeline.inference import recording as reading
    from pipeline.inference.features import embed_piece
    from pipeline.inference.overlay import write_overlay
    from pipeline.inference.predictor import Predictor, find_weights
    from pipeline.media.config import FacesConfig
    from pipeline.media.detectors import resolve
    from pipeline.runtime.executor import one_thread
    from pipeline.runtime.layout import WEIGHTS

    meter = Meter()
    recipe = source.recipe
    frames, seconds = 0, 0.0
    choice = source.choose("best")
    with one_thread(), tempfile.TemporaryDirectory() as folder, source.networks(Path(folder)) as networks:
        runs = {run: path for run, path in networks.items() if run.fold in choice.best}
        weights = find_weights(source, [WEIGHTS])
        predictor = Predictor(recipe, choice, runs, weights, executor, given.fast)
        for nth, video in enumerate([given.videos[0], *given.videos]):
            if nth == 1:  # the first round builds networks and warms up
                meter.seconds.clear()
                frames, seconds = 0, 0.0
            work = Path(tempfile.mkdtemp(dir=folder))
            with meter.step("read, find and cut faces"):
                one = reading.read_recording(
                    video,
                    work,
                    settings=recipe.clips,
                    targets=targets_of(recipe.targets),
                    modalities=frozenset(stream.modality for stream in recipe.streams.values()),
                    faces=resolve(FacesConfig.model_validate(recipe.clips.faces or {})),
                    face="largest",
                )
            frames, seconds = frames + len(one.time), seconds + float(one.time[-1])
            plan = predictor.plan(one, work)
            for (_, role), pieces in plan.items():
                with meter.step(f"embed with {recipe.streams[role].backbone}"):
                    for piece in pieces:
                        embed_piece(piece)
            with meter.step(f"{len(runs)} networks"):
                said = predictor.ask(one, plan, work, name=video.name)[0]
            with meter.step("overlay"):
                write_overlay(
                    work / "overlay.mp4",
                    video,
                    said.predictions,
                    time=one.time,
                    zero=one.zero,
                    ranges=recipe.targets,
                    boxes=one.people[0].boxes,
                )
    print(f"{frames} frames of {seconds:.1f} s ({frames / seconds:.1f} frames/s), arithmetic {executor.arithmetic}")
    for name, used in meter.seconds.items():
        print(f"{name}: {frames / used:.1f} frames/s/core")
    print(f"peak memory {meter.memory:.0f} MiB")


if __name__ == "__main__":
    main()
