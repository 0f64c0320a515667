"""Rendering the corpus: one video after another or side by side, then the files that speak of all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.demo import layout
from pipeline.demo.config import DemoConfig
from pipeline.demo.encode import write_video
from pipeline.demo.plan import Plan, TrialFiles, plan, trial_files
from pipeline.demo.roster import Quirk, Video, cast
from pipeline.demo.scene import Actor, Picture, actor, crop, frames
from pipeline.demo.sound import voice_track
from pipeline.runtime.errors import AffectflowError
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.progress import Progress

JPEG_QUALITY = 92
SAMPLE_SURPLUS = 3
"""Frames by which the sample submission and the video of one test trial differ."""


@dataclass(frozen=True)
class Scene:
    """One video to render below `root`."""

    config: DemoConfig
    video: Video
    root: Path


def render_corpus(config: DemoConfig, root: Path, executor: Executor) -> None:
    """Render the whole corpus into the empty folder `root`.

    Parameters
    ----------
    config : sizes, seed and noise
    root : folder to fill; made if it does not exist
    executor : on what to run; the bytes do not depend on it

    Raises
    ------
    FileExistsError
        `root` is not empty.
    AffectflowError
        Naming the videos that could not be rendered.
    """
    videos = cast(config.trials)
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty")
    (root / layout.VIDEOS).mkdir()
    scenes = [Scene(config, video, root) for video in videos]
    failed = []
    with Progress("demo", total=len(scenes)) as progress:
        for result in run(render_video, scenes, executor=executor, name=lambda scene: scene.video.name):
            progress.advance(result.item.video.name)
            if result.error is not None:
                failed.append(f"  {result.item.video.name}: {result.error}")
    if failed:
        raise AffectflowError("\n".join([f"{len(failed)} videos could not be rendered:", *sorted(failed)]))
    scripts = [plan(config, video) for video in videos]
    tests = [script for script in scripts if script.video.partition == "test"]
    layout.write_test_list(root, [trial for script in tests for trial in script.video.trials])
    layout.write_sample(root, [(trial, _asked(script)) for script in tests for trial in script.video.trials])
    layout.write_segments(root, [row for script in scripts for row in _segment_rows(script)])


def _asked(script: Plan) -> int:
    return len(script.ticks) + SAMPLE_SURPLUS * (Quirk.SAMPLE_DIFFERS in script.video.quirks)


def _segment_rows(script: Plan) -> Iterator[tuple[str, str, str, int, int]]:
    for place, trial in enumerate(script.video.trials):
        for segment in sorted((*script.visual[place], *script.audio), key=lambda found: (found.start, found.modality)):
            start, end = (int(frame) for frame in np.searchsorted(script.times, (segment.start, segment.end)))
            yield trial, segment.modality, segment.kind, start, end


def render_video(scene: Scene) -> None:
    """Write one video and all files of its trials."""
    cv2.setNumThreads(1)
    config, video, root = scene.config, scene.video, scene.root
    script = plan(config, video)
    samples, speeches = voice_track(config, script)
    actors = [actor(config, script, place, speech) for place, speech in enumerate(speeches)]
    trials = [(trial, actors[place], trial_files(config, script, place)) for place, trial in enumerate(video.trials)]
    for trial, _, files in trials:
        (root / layout.CROPS / trial).mkdir(parents=True)
        labels = files.truth if video.partition == "test" else files.labels
        layout.write_annotation(layout.annotation_path(root, video.partition, trial), labels)
    write_video(
        layout.video_path(root, video.name),
        _with_crops(config, script, root, actors, trials),
        ticks=script.ticks,
        time_base=script.time_base,
        size=(config.picture.width, config.picture.height),
        samples=samples,
        sample_rate=config.sample_rate,
    )


def _with_crops(
    config: DemoConfig, script: Plan, root: Path, actors: list[Actor], trials: list[tuple[str, Actor, TrialFiles]]
) -> Iterator[Picture]:
    """Pass the pictures on and leave the crops of each behind; images beyond the video repeat its last picture."""
    last = len(script.ticks) - 1
    for index, picture in enumerate(frames(config, script, actors)):
        for trial, person, files in trials:
            numbers = range(index, files.images) if index == last else (index,)
            for number in numbers:
                if number not in files.missing:
                    face = crop(picture, person, script.times[index], config.crop_size)
                    _write_jpeg(root / layout.CROPS / layout.image_path(trial, number + 1), face)
        yield picture


def _write_jpeg(path: Path, picture: Picture) -> None:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise AffectflowError(f"{path.name}: could not be written as JPEG")
    path.write_bytes(data.tobytes())
