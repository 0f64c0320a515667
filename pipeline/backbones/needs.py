"""What a backbone needs of a clip: the datasets by name, checked before anything runs and fetched when it does.

A backbone module's `NEEDS` names datasets of the clip's file: ``faces`` and ``audio``, whatever their size and rate, or
``faces_112`` (crops of 112 pixels) and ``audio_44100`` (sound at 44 100 Hz). Clips hold the latter only where
`clips.other_face_sizes` and `clips.other_sample_rates` ask for them.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pipeline.clips.clip import Clip
from pipeline.config.data import ClipsConfig
from pipeline.errors import InputError, Problem

FACES_REMEDY = "add {} to `clips.other_face_sizes`"
SOUND_REMEDY = "add {} to `clips.other_sample_rates`"


def unmet_needs(needs: Iterable[str], clips: ClipsConfig) -> list[str]:
    """Say of each need that clips of these parameters do not meet what it asks for and what to set, sorted."""
    sizes = {clips.face_size, *clips.other_face_sizes}
    rates = {clips.sample_rate, *clips.other_sample_rates}
    unmet = []
    for need in sorted(needs):
        kind, _, number = need.partition("_")
        if not number:
            continue
        if kind == "faces" and int(number) not in sizes:
            unmet.append(f"looks at faces of {number} pixels: {FACES_REMEDY.format(number)}")
        if kind == "audio" and int(number) not in rates:
            unmet.append(f"hears at {number} Hz: {SOUND_REMEDY.format(number)}")
    return unmet


def faces_of(clip: Clip, size: int) -> npt.NDArray[np.uint8]:
    """Return the clip's crops of `size` pixels, (T, size, size, 3).

    Raises
    ------
    InputError
        The clip holds none of that size.
    """
    if clip.faces.shape[1] == size:
        return clip.faces
    if size not in clip.other_faces:
        sizes = sorted({clip.faces.shape[1], *clip.other_faces})
        message = f"faces of {', '.join(map(str, sizes))} pixels, but the backbone looks at {size}"
        raise InputError("clips", [Problem(message, trial=clip.trial, remedy=FACES_REMEDY.format(size))])
    return clip.other_faces[size]


def sound_of(clip: Clip, rate: int) -> npt.NDArray[np.int16]:
    """Return the clip's sound at `rate` hertz, (N,).

    Raises
    ------
    InputError
        The clip holds none at that rate.
    """
    if clip.sample_rate == rate:
        return clip.audio
    if rate not in clip.other_audio:
        rates = sorted({clip.sample_rate, *clip.other_audio})
        message = f"sound at {', '.join(map(str, rates))} Hz, but the backbone hears at {rate}"
        raise InputError("clips", [Problem(message, trial=clip.trial, remedy=SOUND_REMEDY.format(rate))])
    return clip.other_audio[rate]
