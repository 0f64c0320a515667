"""The datasets of a clip that a backbone reads, fetched by size and rate.

A backbone's `DATASETS` names datasets of the clip's file: ``faces`` and ``audio``, of any size and rate, or
``faces_112`` (crops of 112 pixels) and ``audio_44100`` (sound at 44 100 Hz). Clips hold the latter only where
`clips.other_face_sizes` and `clips.other_sample_rates` ask for them.
"""

import numpy as np
import numpy.typing as npt

from pipeline.clips.clip import Clip
from pipeline.runtime.errors import InputError, Problem

FACES_REMEDY = "add {} to `clips.other_face_sizes`"
SOUND_REMEDY = "add {} to `clips.other_sample_rates`"


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
        message = f"faces of {', '.join(map(str, sizes))} pixels, but the backbone expects {size}"
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
        message = f"sound at {', '.join(map(str, rates))} Hz, but the backbone expects {rate} Hz"
        raise InputError("clips", [Problem(message, trial=clip.trial, remedy=SOUND_REMEDY.format(rate))])
    return clip.other_audio[rate]
