"""Putting pictures and sound on one time line whose zero is the first audio sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.media.audio import AudioTrack
from pipeline.media.video import VideoTrack


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


def common_timeline(video: VideoTrack, audio: tuple[AudioTrack, ...], *, same_file: bool = True) -> Timeline:
    """Move the zero to where the earlier of picture and sound begins.

    A sound that begins later gets silence before it, so that its sample 0 is the zero. Two separate files share no
    clock: each then begins at zero.
    """
    notes = [*video.notes, *(audio[0].notes if audio else ())]
    if not same_file:
        return Timeline(video.time - video.time[0], {track.rate: track.samples for track in audio}, tuple(notes))
    zero = min([float(video.time[0]), *(track.start for track in audio)])
    samples: dict[int, NDArray[np.int16]] = {}
    for track in audio:
        silence = np.zeros(round((track.start - zero) * track.rate), dtype=np.int16)
        samples[track.rate] = np.concatenate([silence, track.samples])
    late = (audio[0].start - zero) if audio else 0.0
    # Up to a packet of offset is what encoders do; more is worth telling.
    if late > 0.1:
        notes.append(f"the sound begins {late:.3f} s after the picture: silence put before it")
    if video.time[0] - zero > 0.1:
        notes.append(f"the picture begins {video.time[0] - zero:.3f} s after the sound")
    return Timeline(video.time - zero, samples, tuple(notes))
