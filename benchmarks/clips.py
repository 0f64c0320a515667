"""Building clips beside decoding alone, in CPU seconds on one pinned thread: `python -m benchmarks.clips`.

The baseline decodes the same file with PyAV and does nothing with what comes out; for crops it is OpenCV's decoder and
its resizing. A trial with crops is measured as a whole and part by part. The search for faces in trials without crops
stands by itself, with and without a face.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks._results import machine, table, write_section
from benchmarks._timing import Times, one_pinned_thread, spread, take_turns
from pipeline.corpora.digest import FolderDigest, digest_file, list_images, trial_digest
from pipeline.corpora.trial import Trial
from pipeline.ingest.build import ClipPayload, build_clip
from pipeline.ingest.faces import read_faces
from pipeline.media.audio import read_audio
from pipeline.media.config import FacesConfig
from pipeline.media.detection import FaceDetector
from pipeline.media.detectors import make_detector, resolve
from pipeline.media.faces import find_faces
from pipeline.media.pictures import Picture, decode_pictures
from pipeline.media.video import read_video
from tests.face_factory import face_picture

GOAL = 0.9
"""Share of the decoders' own speed that a whole clip should reach."""

SEARCHED = 200
"""Frames per second and core that should be searched for faces, where there is one."""

SIDE = 112
"""Pixels of the corpus' crops."""


def scene(height: int, width: int, number: int) -> np.ndarray:
    """Draw a picture that moves, with detail and noise as a camera's has."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [np.sin((rows * a + columns * b + 3 * number) / 23) for a, b in ((1, 0.3), (0.2, 1), (0.7, -0.6))]
    noise = np.random.default_rng(number).normal(0, 3, (height, width, 1)).astype(np.float32)
    return np.clip(np.stack(waves, axis=2) * 60 + 128 + noise, 0, 255).astype(np.uint8)


def write_trial(folder: Path, *, frames: int, height: int, width: int) -> Trial:
    """Write H.264 with AAC, and a crop per frame."""
    images = folder / "crops"
    images.mkdir()
    for number in range(frames):
        crop = cv2.resize(scene(height, width, number)[:, :height], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(images / f"{number + 1:05}.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 95])
    write_video(folder / "video.mp4", frames=frames, height=height, width=width)
    return Trial("bench", "train", "bench", folder / "video.mp4", images, None)


def write_video(path: Path, *, frames: int, height: int, width: int, face: np.ndarray | None = None) -> None:
    """Write H.264 with AAC; a face, where one is given, moves slowly before the scene."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "23"})
        assert isinstance(picture, av.VideoStream)
        picture.height, picture.width, picture.pix_fmt = height, width, "yuv420p"
        sound = container.add_stream("aac", rate=44100, layout="stereo")
        assert isinstance(sound, av.AudioStream)
        for number in range(frames):
            shown = scene(height, width, number)
            if face is not None:
                top, left = height // 4, width // 4 + number % (width // 4)
                shown[top : top + len(face), left : left + len(face)] = face
            container.mux(picture.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        noise = np.random.default_rng(0).normal(0, 0.1, (2, frames * 44100 // 30)).astype(np.float32)
        for start in range(0, noise.shape[1], 1024):
            piece = av.AudioFrame.from_ndarray(noise[:, start : start + 1024].copy(), format="fltp", layout="stereo")
            piece.sample_rate, piece.pts, piece.time_base = 44100, start, Fraction(1, 44100)
            container.mux(sound.encode(piece))
        for stream in (picture, sound):
            container.mux(stream.encode())


def decode_alone(path: Path, kind: str) -> int:
    """Decode a file's pictures or sound with PyAV, and count the frames."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def crops_alone(folder: Path, size: int) -> int:
    """Read, decode and shrink crops with OpenCV."""
    for name in list_images(folder):
        image = cv2.imdecode(np.fromfile(folder / name, dtype=np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return size


def payload_of(trial: Trial) -> ClipPayload:
    """Describe a trial as the clips stage does."""
    assert trial.images is not None
    folder = FolderDigest()
    for name in list_images(trial.images):
        folder.add(name, (trial.images / name).read_bytes())
    sources = {"video": digest_file(trial.video), "images": folder.hexdigest()}
    return ClipPayload(trial, trial_digest(sources), (), face_size=48, sample_rate=16000)


def measure(folder: Path, *, frames: int, height: int, width: int, rounds: int) -> tuple[list[list[Any]], str]:
    """Time one trial part by part; return rows of the table, and what a clip's time goes into."""
    trial = write_trial(folder, frames=frames, height=height, width=width)
    payload, images, out = payload_of(trial), trial.images, folder / "clip"
    assert images is not None
    out.mkdir()
    parts: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "time line: every picture decoded and checked": (
            lambda: read_video(trial.video),
            lambda: decode_alone(trial.video, "video"),
        ),
        "sound: decoded, mixed, resampled": (
            lambda: read_audio(trial.video, (16000,)),
            lambda: decode_alone(trial.video, "audio"),
        ),
        "crops of 112 pixels to 48": (
            lambda: read_faces(images, frames=frames, size=48),
            lambda: crops_alone(images, 48),
        ),
    }
    variants: dict[str, Callable[[], Any]] = {}
    for name, (ours, alone) in parts.items():
        variants[name], variants[f"{name}, alone"] = ours, alone
    variants["clip"] = lambda: build_clip(payload, out)
    times = take_turns(variants, rounds=rounds)
    decoding = Times(tuple(map(sum, zip(*(times[f"{name}, alone"].seconds for name in parts), strict=True))))
    compared = {name: (times[name], times[f"{name}, alone"]) for name in parts}
    compared["whole clip, digests and writing included"] = (times["clip"], decoding)
    rows = [
        [f"{width} x {height}", name, f"{ours.rate(frames):.0f}", f"{alone.rate(frames):.0f}", spread(ours.over(alone))]
        for name, (ours, alone) in compared.items()
    ]
    beside = {name: times[name].median - times[f"{name}, alone"].median for name in parts}
    shares = {"the decoders": decoding.median, **beside}
    shares["digests and writing"] = times["clip"].median - sum(shares.values())
    told = ", ".join(f"{name} {taken / times['clip'].median:.0%}" for name, taken in shares.items())
    return rows, f"{width} x {height}, shares of a whole clip: {told}."


def searched(folder: Path, *, frames: int, height: int, width: int, rounds: int) -> list[list[Any]]:
    """Time the search for faces, alone on decoded pictures and with all that a clip without crops needs."""
    detector = make_detector(resolve(FacesConfig()))
    variants: dict[str, Callable[[], Any]] = {}
    side = height // 2
    face = face_picture((side / 2, side / 2, side / 3), size=(side, side))
    for name, shown in (("one face", face), ("no face, so searched in squares as well", None)):
        path = folder / f"{len(variants)}.mp4"
        write_video(path, frames=frames, height=height, width=width, face=shown)
        time, pictures = read_video(path).time, list(decode_pictures(path))
        found = sum(len(detector.detect(picture)) for picture in pictures)
        assert found == (0 if shown is None else frames), f"{found} faces in {frames} frames"
        variants[f"{name}: the search alone"] = partial(search_alone, detector, pictures)
        variants[f"{name}: found, followed and cut out"] = partial(find, path, time)
        variants[f"{name}: decoders alone"] = partial(decode_alone, path, "video")
    times = take_turns(variants, rounds=rounds)
    return [
        [
            f"{width} x {height}",
            name,
            f"{taken.rate(frames):.0f}",
            taken.rates(frames),
            SEARCHED if name == "one face: the search alone" else "-",
        ]
        for name, taken in times.items()
    ]


def search_alone(detector: FaceDetector, pictures: Sequence[Picture]) -> None:
    """Search decoded pictures."""
    for picture in pictures:
        detector.detect(picture)


def find(path: Path, time: np.ndarray) -> None:
    """Find the face of a video as the clips stage does."""
    find_faces(path, time, size=48, config=resolve(FacesConfig()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300, help="frames per clip (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="timings per variant (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    rows: list[list[Any]] = []
    faces: list[list[Any]] = []
    shares: list[str] = []
    with one_pinned_thread():
        cv2.setNumThreads(1)
        for height, width in ((480, 640), (720, 1280)):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                found, share = measure(
                    place, frames=arguments.frames, height=height, width=width, rounds=arguments.rounds
                )
                rows += found
                shares.append(share)
                faces += searched(
                    place, frames=arguments.frames, height=height, width=width, rounds=min(2, arguments.rounds)
                )
    header = ["picture", "work", "frames/s/core", "decoders alone", f"ratio [spread], goal {GOAL}"]
    text = "\n".join(
        [
            f"{arguments.frames} frames of H.264 and AAC with a JPEG crop each, one pinned thread, "
            f"{arguments.rounds} rounds\n",
            table(header, rows),
            "\nWhat each part takes beside its decoder bounds the whole:\n",
            *(f"* {share}" for share in shares),
            "\nFaces in a trial without crops; to find, follow and cut them out decodes the video twice\n",
            table(["picture", "work", "frames/s/core", "range", "goal"], faces),
        ]
    )
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('clips', text)}")


if __name__ == "__main__":
    main()
