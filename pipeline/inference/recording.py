"""One video as a model reads it: time line, sound, and each person's faces, in files of a work folder.

The steps and their order are those of the clips stage (`pipeline.ingest.build`). Faces are written where they belong in
a mapped file as they are cut out, so that the memory needed does not grow with the video's pictures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from pipeline.clips.settings import ClipSettings
from pipeline.clips.target import Target
from pipeline.media.audio import AudioTrack, read_audio
from pipeline.media.config import FacesConfig
from pipeline.media.faces import cut, search
from pipeline.media.persons import follow_each
from pipeline.media.timeline import common_timeline
from pipeline.media.tracks import Boxes, follow
from pipeline.media.video import VideoTrack, read_video
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.progress import Progress

Face = Literal["largest", "each"]

NO_SOUND = "choose a model of pictures alone, or give the video a sound"
NO_FACE = "choose a model of sound alone, or a video in which somebody faces the camera"


@dataclass(frozen=True)
class StoredClip:
    """A clip without labels, in a work folder; what is loaded of its faces is mapped, not read.

    Parameters
    ----------
    name : of the video, for messages
    sound, faces : folders of ``time.npy`` and ``audio_<hertz>.npy``, and of ``face_valid.npy`` and
        ``faces_<pixels>.npy``; None where the model reads none
    settings : sizes and rates
    fps : mean frames per second
    targets : of the model
    """

    name: str
    sound: Path
    faces: Path | None
    settings: ClipSettings
    fps: float
    targets: tuple[Target, ...]

    def load(self, first: int = 0, last: int | None = None) -> Clip:
        """Return the clip, or its frames from `first` up to `last`; the sound is always whole."""
        part = slice(first, last)
        time = np.load(self.sound / "time.npy")[part]
        size, rate = self.settings.face_size, self.settings.sample_rate
        return Clip(
            trial=self.name,
            subject="",
            partition="test",
            fps=self.fps,
            targets=self.targets,
            time=time,
            faces=self._pixels(size, part, len(time)),
            face_valid=self._face_valid(part, len(time)),
            audio=self._samples(rate),
            sample_rate=rate,
            labels=np.full((len(time), len(self.targets)), np.nan, dtype=np.float32),
            alignment={},
            sources={},
            other_audio={other: self._samples(other) for other in self.settings.other_sample_rates},
            other_faces={
                other: self._pixels(other, part, len(time)) for other in self.settings.other_face_sizes if self.faces
            },
        )

    def _face_valid(self, part: slice, frames: int) -> NDArray[np.bool_]:
        if self.faces is None:
            return np.zeros(frames, dtype=np.bool_)
        valid: NDArray[np.bool_] = np.load(self.faces / "face_valid.npy")[part]
        return valid

    def _samples(self, rate: int) -> NDArray[np.int16]:
        file = self.sound / f"audio_{rate}.npy"
        # NumPy maps no empty array.
        return np.load(file, mmap_mode="r") if file.is_file() else np.zeros(0, dtype=np.int16)

    def _pixels(self, size: int, part: slice, frames: int) -> NDArray[np.uint8]:
        if self.faces is None:
            return np.zeros((0, size, size, 3), dtype=np.uint8)
        pixels: NDArray[np.uint8] = np.load(self.faces / f"faces_{size}.npy", mmap_mode="r")[part]
        assert len(pixels) == frames
        return pixels


@dataclass(frozen=True)
class Person:
    """One person in a video, or nobody in particular where the model reads no faces.

    Parameters
    ----------
    clip : what the model reads
    boxes : (t, 3) centre x, centre y and side of the face, pixels of the picture as it is shown; NaN where none
    """

    clip: StoredClip
    boxes: Boxes

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(t,) whether there is a face."""
        return ~np.isnan(self.boxes[:, 0])


@dataclass(frozen=True)
class Recording:
    """A video that was read.

    Parameters
    ----------
    time : (t,) s, when each frame is shown; zero is where the earlier of picture and sound begins
    zero : s, that moment on the container's clock
    fps : mean frames per second
    people : the main person, or each, who covers most picture area first
    notes : what was found and mended, for people
    """

    time: NDArray[np.float64]
    zero: float
    fps: float
    people: tuple[Person, ...]
    notes: tuple[str, ...]


def read_recording(
    video: Path,
    work: Path,
    *,
    settings: ClipSettings,
    targets: tuple[Target, ...],
    modalities: frozenset[str],
    faces: FacesConfig,
    face: Face,
) -> Recording:
    """Read a video.

    Parameters
    ----------
    video : the file
    work : an empty folder
    settings : of the clips that the model was trained on
    targets : of the model
    modalities : what the model reads, ``visual`` and ``audio``
    faces : how they are searched, resolved
    face : whose predictions are wanted

    Raises
    ------
    InputError
        The video cannot be decoded, or has no sound or no face where the model needs them.
    """
    track = read_video(video)
    notes: list[str] = []
    audio = _read_sound(video, settings, needed="audio" in modalities, notes=notes)
    timeline = common_timeline(track, audio, path=video)
    np.save(work / "time.npy", timeline.time)
    for rate, samples in timeline.audio.items():
        if len(samples):
            np.save(work / f"audio_{rate}.npy", samples)
    zero = float(track.time[0] - timeline.time[0])
    notes = [*timeline.notes, *notes]
    clip = StoredClip(video.name, work, None, settings, track.rate, targets)
    if "visual" not in modalities:
        people: tuple[Person, ...] = (Person(clip, np.full((len(track.time), 3), np.nan)),)
    else:
        people = _people(video, work, track, clip, config=faces, face=face, notes=notes)
    return Recording(timeline.time, zero, track.rate, people, tuple(notes))


def _read_sound(video: Path, settings: ClipSettings, *, needed: bool, notes: list[str]) -> tuple[AudioTrack, ...]:
    """Read the sound; a model that does not need it goes on without."""
    try:
        tracks = read_audio(video, (settings.sample_rate, *settings.other_sample_rates), required=False)
    except InputError as error:
        if needed:
            raise
        notes.append(f"its sound is left out: {error.problems[0].message}")
        return ()
    if needed and not tracks:
        problem = Problem("the video has no sound, and the model needs it", file=str(video), remedy=NO_SOUND)
        raise InputError("no sound", [problem])
    return tracks


def _people(
    video: Path,
    work: Path,
    track: VideoTrack,
    clip: StoredClip,
    *,
    config: FacesConfig,
    face: Face,
    notes: list[str],
) -> tuple[Person, ...]:
    frames = len(track.time)
    with Progress(f"{video.name}: find faces", total=frames, what="frames") as progress:
        found = search(video, track.time, config, seen=progress.advance)
    if face == "each":
        everybody = follow_each(found, track.time, bridge=config.bridge, smooth=config.smooth)
    else:
        followed = follow(found, track.time, bridge=config.bridge, smooth=config.smooth)
        everybody = [] if np.isnan(followed.boxes[:, 0]).all() else [followed.boxes]
        if followed.other.any():
            remedy = "`--face each` tells people apart"
            notes.append(f"{followed.other.sum()} of {frames} frames show a face of another track: {remedy}")
    if not everybody:
        problem = Problem("no face in any frame, and the model needs one", file=str(video), remedy=NO_FACE)
        raise InputError("no faces", [problem])
    people, cuts = [], []
    for number, boxes in enumerate(everybody, start=1):
        folder = work / f"person{number}"
        folder.mkdir()
        np.save(folder / "face_valid.npy", ~np.isnan(boxes[:, 0]))
        sizes = (clip.settings.face_size, *clip.settings.other_face_sizes)
        cuts.append((boxes, {size: _mapped(folder / f"faces_{size}.npy", frames, size) for size in sizes}))
        stored = StoredClip(clip.name, work, folder, clip.settings, clip.fps, clip.targets)
        people.append(Person(stored, boxes[:, :3].copy()))
    with Progress(f"{video.name}: cut faces", total=frames, what="frames") as progress:
        cut(video, cuts, margin=config.margin, seen=progress.advance)
    return tuple(people)


def _mapped(path: Path, frames: int, size: int) -> NDArray[np.uint8]:
    """Make a file of zeros that takes space on the disk only where faces are written into it."""
    mapped: NDArray[np.uint8] = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(frames, size, size, 3)
    )
    return mapped
