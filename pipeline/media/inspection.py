"""Looking a media file over before anything is made of it: all that would keep a clip from it, in one list."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.media.audio import read_audio, sound_length
from pipeline.media.video import VideoTrack, read_video
from pipeline.runtime.errors import InputError, Problem


@dataclass(frozen=True)
class Inspection:
    """What decoding a file showed.

    Parameters
    ----------
    problems : all that is wrong with it
    video : the time line of its pictures, where they were asked for and can be used
    sound : length of its sound, s; None where it has none, where it was not asked for, or where it cannot be used
    """

    problems: tuple[Problem, ...]
    video: VideoTrack | None = None
    sound: float | None = None


def inspect_media(
    path: Path, *, needs_video: bool = True, sound: Literal["required", "optional", "ignored"] = "required"
) -> Inspection:
    """Decode a file once and return what it holds and all that is wrong with it.

    Damage inside a file shows in its pictures alone: its header, its size and its packets may all be as they should.
    """
    problems: list[Problem] = []
    video: VideoTrack | None = None
    length: float | None = None
    if needs_video:
        try:
            video = read_video(path)
        except InputError as error:
            problems.extend(error.problems)
    if sound != "ignored":
        try:
            length = sound_length(path)
            if length is None and sound == "required":
                read_audio(path, ())
        except InputError as error:
            problems.extend(error.problems)
    # Picture and sound of one file share what is wrong with it.
    return Inspection(tuple(dict.fromkeys(problems)), video, length)
