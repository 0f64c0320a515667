"""Putting pictures and sound on one time line whose zero is the first audio sample."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.audio import AudioTrack
from pipeline.media.clock import LONGEST_GAP
from pipeline.media.decoding import REMEDY
from pipeline.media.video import VideoTrack
from pipeline.runtime.errors import InputError, Problem

TOLERANCE = 0.1
"""Seconds by which picture and sound may begin or end apart without a word: encoders work in packets."""


@dataclass(frozen=True)
class Timeline:
    """Frames and sound of one file.

    Parameters
    ----------
    time : (T,) float64, s; sample n of `audio` stands at n / rate
    audio : one (N,) int16 array per sample rate
    notes : what was found and mended, for people
    """

    time: NDArray[np.float64]
    audio: dict[int, NDArray[np.int16]]
    notes: tuple[str, ...]


def common_timeline(
    video: VideoTrack, audio: tuple[AudioTrack, ...], *, path: Path, same_file: bool = True
) -> Timeline:
    """Move the zero to where the earlier of picture and sound begins.

    A sound that begins later gets silence before it, so that its sample 0 is the zero. Two separate files share no
    clock: each then begins at zero.

    Parameters
    ----------
    video, audio : the tracks; `audio` at several rates
    path : the video, for messages
    same_file : whether the sound is from there, too

    Raises
    ------
    InputError
        Picture and sound begin so far apart that a time stamp must be damaged.
    """
    notes = [*video.notes, *(audio[0].notes if audio else ())]
    if not same_file:
        time = video.time - video.time[0]
        samples = {track.rate: track.samples for track in audio}
        return Timeline(time, samples, (*notes, *_early_end(video, time, samples)))
    zero = min([float(video.time[0]), *(track.start for track in audio)])
    apart = max([float(video.time[0]), *(track.start for track in audio)]) - zero
    if apart > LONGEST_GAP:
        message = f"picture and sound begin {apart:.1f} s apart"
        raise InputError("unusable time stamps", [Problem(message, file=str(path), remedy=REMEDY)])
    samples = {}
    for track in audio:
        silence = np.zeros(round((track.start - zero) * track.rate), dtype=np.int16)
        samples[track.rate] = np.concatenate([silence, track.samples])
    late = (audio[0].start - zero) if audio else 0.0
    if late > TOLERANCE:
        notes.append(f"the sound begins {late:.3f} s after the picture: silence put before it")
    if video.time[0] - zero > TOLERANCE:
        notes.append(f"the picture begins {video.time[0] - zero:.3f} s after the sound")
    time = video.time - zero
    return Timeline(time, samples, (*notes, *_early_end(video, time, samples)))


def _early_end(video: VideoTrack, time: NDArray[np.float64], audio: dict[int, NDArray[np.int16]]) -> list[str]:
    """Say by how much the sound ends before the last picture does."""
    ends = [len(samples) / rate for rate, samples in audio.items()]
    early = time[-1] + (1 / video.rate if video.rate else 0.0) - min(ends, default=np.inf)
    return [f"the sound ends {early:.3f} s before the picture"] if early > TOLERANCE else []
