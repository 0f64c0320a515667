"""Looking a media file over without decoding it: whether its streams exist, and whether the file is whole."""

from pathlib import Path

import av

from pipeline.media.video import REMEDY
from pipeline.runtime.errors import Problem

SHORTFALL = 0.01
"""Share of the frames promised by the header that may be absent: edit lists legitimately hide a few."""


SILENT = "give the trial a video with sound, or take the trial out of the corpus"


def inspect_media(path: Path, *, needs_video: bool = True, needs_audio: bool = True) -> list[Problem]:
    """Read every packet of a file once and return all that is wrong with it.

    A file that was cut off is found by its index being gone (it does not open), by a last packet with bytes missing, or
    by fewer frames than its header promises.
    """
    file = str(path)
    try:
        with av.open(file) as container:
            problems: list[Problem] = []
            if needs_video and not container.streams.video:
                problems.append(Problem("there is no video stream", file=file, remedy=REMEDY))
            if needs_audio and not container.streams.audio:
                problems.append(Problem("there is no audio stream", file=file, remedy=SILENT))
            return problems + _packets(container, file)
    except av.FFmpegError as error:
        return [Problem(f"the file does not open or breaks off: {error.strerror}", file=file, remedy=REMEDY)]


def _packets(container: "av.container.InputContainer", file: str) -> list[Problem]:
    counts = dict.fromkeys((stream.index for stream in container.streams), 0)
    incomplete = 0
    for packet in container.demux():
        if packet.size:
            counts[packet.stream_index] += 1
            incomplete += packet.is_corrupt
    problems: list[Problem] = []
    if incomplete:
        problems.append(Problem(f"the file breaks off: {incomplete} packets are incomplete", file=file, remedy=REMEDY))
    for stream in container.streams.video:
        promised, present = stream.frames, counts[stream.index]
        if not present:
            problems.append(Problem("the video stream is empty", file=file, remedy=REMEDY))
        elif promised - present > max(2, SHORTFALL * promised):
            message = f"the file breaks off: {present} of the {promised} frames that its header promises"
            problems.append(Problem(message, file=file, remedy=REMEDY))
    problems.extend(
        Problem("the audio stream is empty", file=file, remedy=REMEDY)
        for stream in container.streams.audio
        if not counts[stream.index]
    )
    return problems
