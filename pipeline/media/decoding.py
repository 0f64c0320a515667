"""Decoding a video from end to end, with everything that shows damage.

FFmpeg conceals what it cannot decode and goes on; it only marks the pictures. Its own VP9 decoder does not even notice
most damage, that of libvpx does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.container

from pipeline.runtime.errors import InputError, Problem

REMEDY = "get the file again, or convert it (ffmpeg -i IN OUT)"
DAMAGED = "get the file again; converting it (ffmpeg -i IN OUT) keeps the pictures as they are, damaged ones too"
SILENT = "name a file with sound, or take the trial out of the corpus"

STRICT_DECODERS = {"vp9": "libvpx-vp9"}
"""Decoders to prefer over FFmpeg's own, which pass damage over."""

WITHOUT_CONCEALMENT = frozenset({"mjpeg"})
"""Codecs whose decoder marks no concealed picture; told to give up instead, it finds most damage."""

PICTURE_PER_PACKET = frozenset({"hevc"})
"""Codecs whose decoder drops a picture that it cannot decode, although every packet holds one to be shown."""

MOST_PIXELS = 1 << 26
"""A larger picture is a damaged header: 8K has half of that."""


@dataclass(frozen=True)
class Decoded:
    """What one packet of a video decodes to.

    Parameters
    ----------
    frames : the pictures that are ready after it, in the order in which they are shown
    slot : when it is decoded, in ticks of the stream's time base; None after the last packet
    error : why it cannot be decoded
    """

    frames: tuple[av.VideoFrame, ...]
    slot: int | None
    error: str | None = None


@dataclass
class OpenVideo:
    """A video that is open; iterating over it decodes it once.

    Parameters
    ----------
    container, stream : PyAV's objects
    reached : seconds at which the last packet of any stream ends, so far
    packets, incomplete : how many packets the video has, and how many of them lack bytes, so far
    expected : time stamps of the pictures that its packets should give, so far
    """

    container: av.container.InputContainer
    stream: av.VideoStream
    reached: float = 0.0
    packets: int = 0
    incomplete: int = 0
    expected: set[int] = field(default_factory=set)

    def __iter__(self) -> Iterator[Decoded]:
        """Yield what each packet decodes to."""
        decoder = self._decoder()
        for packet in self.container.demux():
            if packet.size and packet.pts is not None and packet.time_base is not None:
                self.reached = max(self.reached, seconds(packet.pts + (packet.duration or 0), packet.time_base))
            if packet.stream.index != self.stream.index:
                continue
            last = not packet.size and packet.dts is None
            self.packets += not last
            self.incomplete += packet.is_corrupt
            if packet.pts is not None and not packet.is_discard:
                self.expected.add(packet.pts)
            try:
                frames = tuple(decoder.decode(None if last else packet))
                error = None
            except av.FFmpegError as failure:
                frames, error = (), failure.strerror
            yield Decoded(frames, packet.dts, error)

    @property
    def formats(self) -> frozenset[str]:
        """FFmpeg's names of the container."""
        return frozenset(self.container.format.name.split(","))

    def lost(self, shown: set[int]) -> int:
        """Count the packets whose picture never came, apart from those that lean on what was before the first."""
        if self.stream.codec_context.name not in PICTURE_PER_PACKET or not shown:
            return 0
        return sum(stamp > min(shown) for stamp in self.expected - shown)

    @property
    def decodes_apart(self) -> bool:
        """Whether its frames come from another decoder than the one that FFmpeg would take."""
        return STRICT_DECODERS.get(self.stream.codec_context.name) in av.codecs_available

    def _decoder(self) -> av.VideoCodecContext:
        codec = decoder = self.stream.codec_context
        if self.decodes_apart:
            strict = av.CodecContext.create(STRICT_DECODERS[codec.name], "r")
            assert isinstance(strict, av.VideoCodecContext)
            decoder = strict
        # One thread: clips are built side by side, and damage is then met at the frame where it lies.
        decoder.thread_count = 1
        options = {"max_pixels": str(MOST_PIXELS)}
        if codec.name in WITHOUT_CONCEALMENT:
            options["err_detect"] = "explode"
        decoder.options = options
        return decoder


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """Open the best video stream of a file.

    Raises
    ------
    InputError
        The file cannot be opened or read on, or has no video stream.
    """
    with open_container(path) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, av.VideoStream):
            raise unusable("there is no video stream", path, REMEDY)
        if stream.codec_context is None:
            raise unusable("no decoder knows its pictures", path, REMEDY)
        yield OpenVideo(container, stream)


@contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a media file.

    Raises
    ------
    InputError
        It cannot be opened, or not be read on.
    """
    try:
        # Names and comments in a strange encoding are no damage to pictures.
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise unusable(f"the file does not open: {error.strerror}", path, REMEDY) from error
    try:
        with container:
            yield container
    except av.FFmpegError as error:
        raise unusable(f"the file cannot be read on: {error.strerror}", path, REMEDY) from error
    except IndexError as error:
        # PyAV knows the streams that there are at the beginning.
        raise unusable("the file cannot be read on: its streams change on the way", path, REMEDY) from error


def seconds(stamp: int, time_base: Fraction) -> float:
    """Return a time stamp in seconds, rounded once, as `float` of their product is, in a tenth of the time."""
    return stamp * time_base.numerator / time_base.denominator


def unusable(message: str, path: Path, remedy: str) -> InputError:
    """Return the error of a media file with one thing wrong."""
    return InputError("unusable media", [Problem(message, file=str(path), remedy=remedy)])
