"""A video as browsers play it: the trial's own where they can, a copy in H.264 where they cannot."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline.clips.clip import Clip
from pipeline.media.pictures import decode_pictures
from pipeline.runtime.progress import Progress

VIDEO = frozenset({"h264", "vp8", "vp9", "av1"})
SOUND = frozenset({"aac", "mp3", "opus", "vorbis"})
CONTAINERS = {"mov": "video/mp4", "mp4": "video/mp4", "webm": "video/webm"}
"""Media type by FFmpeg's name of the container. Browsers play Matroska's subset WebM, which is known by its suffix."""
PIXELS = frozenset({"yuv420p", "yuvj420p"})
LATE = 0.02
"""Seconds up to which a video may begin after its zero: players show it from there, and the clip counts from it."""
SIDE = 480
"""Pixels of a copy's shorter side, at most."""
CLOCK = Fraction(1, 90000)
SOUND_RATE = 48000
"""Hertz of a copy's sound: AAC knows few rates, a clip may have any."""


def obstacle(path: Path, *, separate_sound: bool) -> str | None:
    """Say why a browser would not play the video in step with the clip, or return None.

    Parameters
    ----------
    path : the video
    separate_sound : whether the trial's sound is another file

    Raises
    ------
    av.error.FFmpegError, OSError
        The file cannot be opened.
    """
    if separate_sound:
        return "its sound is another file"
    with av.open(str(path)) as container:
        if media_type(path, container.format.name.split(",")) is None:
            return f"its container is {container.format.long_name}"
        video = container.streams.video[0]
        if video.codec_context.name not in VIDEO:
            return f"its pictures are coded as {video.codec_context.name}"
        if video.codec_context.pix_fmt not in PIXELS:
            return f"its pictures are stored as {video.codec_context.pix_fmt}"
        for sound in container.streams.audio[:1]:
            if sound.codec_context.name not in SOUND:
                return f"its sound is coded as {sound.codec_context.name}"
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in (video, *container.streams.audio[:1])
            if stream.start_time is not None and stream.time_base is not None
        ]
        if starts and abs(min(starts)) > LATE:
            return f"it begins at {min(starts):.2f} s"
    return None


def media_type(path: Path, formats: Sequence[str]) -> str | None:
    """Return the media type of a file with FFmpeg's names of its container, or None where browsers do not know it."""
    if "matroska" in formats or "webm" in formats:
        return CONTAINERS["webm"] if path.suffix.lower() == ".webm" else None
    return next((CONTAINERS[name] for name in formats if name in CONTAINERS), None)


def media_type_of(path: Path) -> str:
    """Return the media type of a video that a browser plays."""
    return CONTAINERS["webm"] if path.suffix.lower() == ".webm" else CONTAINERS["mp4"]


def copy_for_browsers(video: Path, clip: Clip, to: Path) -> None:
    """Write an MP4 of the video's pictures at the clip's times, with the clip's sound: what the models were given.

    Parameters
    ----------
    video : the trial's video, whose frames are those of the clip
    clip : with its sound, without its faces
    to : file to write

    Raises
    ------
    InputError
        The video cannot be decoded.
    """
    with (
        av.open(str(to), "w", options={"movflags": "+faststart"}) as container,
        Progress(f"copy {video.name} for the browser", total=len(clip), what="frames") as progress,
    ):
        rate = Fraction(clip.fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23", "g": "48"})
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", CLOCK
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if len(clip.audio) else None
        for number, (picture, seconds) in enumerate(zip(decode_pictures(video), clip.time, strict=False)):
            shorter = min(SIDE, picture.frame.width, picture.frame.height)
            pixels, _ = picture.shrunk(shorter)
            if number == 0:
                stream.height, stream.width = (side - side % 2 for side in pixels.shape[:2])
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(pixels[: stream.height, : stream.width]), format="rgb24"
            )
            frame.pts, frame.time_base = round(seconds / CLOCK), CLOCK
            container.mux(stream.encode(frame))
            progress.advance(f"frame {number}")
        container.mux(stream.encode(None))
        if sound is not None:
            whole = av.AudioFrame.from_ndarray(clip.audio[None], format="s16", layout="mono")
            whole.sample_rate, whole.pts, whole.time_base = clip.sample_rate, 0, Fraction(1, clip.sample_rate)
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=SOUND_RATE)
            for piece in (*resampler.resample(whole), *resampler.resample(None), None):
                container.mux(sound.encode(piece))
